import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { startServer } from '@sessile/test-servers'
import { freePort } from '../../../test-servers/src/ports.ts'

/** A server with a certificate of our own (`ca`, its file), or `undefined` where it cannot do TLS. It ends with the file. */
export async function withTls(): Promise<{ url: string; plain: string; ca: string } | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'sessile-tls-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const [key, ca] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const asked = '-x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1'
  execFileSync('openssl', ['req', ...asked.split(' '), '-keyout', key, '-out', ca], { stdio: 'ignore' })
  const port = await freePort()
  const tls = ['--tls-port', `${port}`, '--tls-cert-file', ca, '--tls-key-file', key, '--tls-ca-cert-file', ca, '--tls-auth-clients', 'no']
  try {
    const started = await startServer('redis', { source: 'path', args: tls })
    if (started.skipped !== undefined) return undefined
    after(() => started.stop())
    return { url: `rediss://127.0.0.1:${port}`, plain: started.url.replace(/\d+$/, `${port}`), ca }
  } catch (error) {
    if (/tls-port|TLS/i.test(String(error))) return undefined
    throw error
  }
}
