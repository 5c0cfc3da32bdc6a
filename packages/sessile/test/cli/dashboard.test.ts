import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, it, type TestContext } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { RedisStore } from 'connect-redis'
import { createClient } from 'redis'
import { handleOf, newId } from '../../src/core/ids.ts'
import { temporaryFolder } from '../stores/harnesses.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'

const HOUR = 3_600_000
const folder = temporaryFolder()
after(() => folder.clean())

/** Starts it, and waits for its address. */
async function start(t: TestContext, url: string, env: Record<string, string> = {}) {
  const { SESSION_SECRET: _, ...inherited } = process.env
  const main = join(import.meta.dirname, 'sessile.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'dashboard', url], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.after(() => child.kill('SIGKILL'))
  let text = ''
  while (!/token=[\w-]+/.test(text)) text += String((await once(child.stdout, 'data'))[0])
  const address = new URL(/http:\S+/.exec(text)![0])
  return { child, address, origin: address.origin }
}

const statusOf = async (address: string | URL, init?: RequestInit) => (await fetch(address, { redirect: 'manual', ...init })).status

/** What the browser keeps that comes with the token. */
async function entered(address: URL): Promise<{ cookie: string }> {
  const answer = await fetch(address, { redirect: 'manual' })
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/'])
  const [set] = answer.headers.getSetCookie()
  assert.match(set!, /HttpOnly; SameSite=Strict/)
  return { cookie: set!.split(';')[0]! }
}

it('is refused to everybody but the one browser that came with the token', async (t) => {
  const url = `sqlite:${folder.path('a.db')}`
  const backend = backendByUrl(url)
  await backend.open!()
  await backend.close!()
  const { child, address, origin } = await start(t, url)
  assert.equal(address.hostname, '127.0.0.1')
  for (const path of ['/', '/api/start', '/api/sessions', '/?token=guess']) assert.equal(await statusOf(origin + path), 403)
  const headers = await entered(address)
  assert.equal(await statusOf(address), 403, 'the token worked twice')
  assert.equal(await statusOf(`${origin}/`, { headers }), 200)
  assert.equal(await statusOf(`${origin}/api/start`, { headers }), 200)
  // a name of somebody else's that was pointed to this machine
  const asked = request({
    host: '127.0.0.1',
    port: address.port,
    path: '/api/start',
    headers: { ...headers, host: `evil.test:${address.port}` }
  })
  asked.end()
  const [answer] = await once(asked, 'response')
  answer.resume()
  assert.equal(answer.statusCode, 403)
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

it('lists, finds, shows and ends sessions that express-session and connect-redis stored', async (t) => {
  const server = await serverFor(t, 'redis')
  if (!server) return
  const client = createClient({ url: server.url })
  client.on('error', () => {}) // the server may be gone before it is
  await client.connect()
  t.after(() => client.destroy())
  const store = new RedisStore({ client: client as never })
  const ids = Array.from({ length: 6 }, newId)
  for (const [place, id] of ids.entries()) {
    const data = { cookie: { originalMaxAge: HOUR }, ...(place < 2 ? { userId: 7, cart: [1, 2] } : {}) }
    await store.set(id, data as never)
  }
  const secret = 'the secret of the app'
  const { address, origin } = await start(t, server.url, { SESSION_SECRET: secret })
  const headers = { ...(await entered(address)), 'x-sessile-dashboard': '1', 'content-type': 'application/json' }
  const ask = async (path: string): Promise<any> => (await fetch(`${origin}/api/${path}`, { headers })).json()
  const act = (action: object) => fetch(`${origin}/api/act`, { method: 'POST', headers, body: JSON.stringify(action) })
  const list = await ask('sessions')
  assert.deepEqual(list.sessions.map((row: any) => row.handle).sort(), ids.map((id) => handleOf(id, secret)).sort())
  for (const id of ids) assert.ok(!JSON.stringify(list).includes(id))
  assert.equal((await ask('sessions?q=7')).sessions.length, 2)
  const detail = await ask(`session?handle=${handleOf(ids[0]!, secret)}`)
  assert.deepEqual([detail.session.userId, detail.others.length], ['7', 1])
  assert.deepEqual(
    detail.attributes.find(({ name }: any) => name === 'cart'),
    { name: 'cart', kind: 'list, 2' }
  )
  assert.equal((await act({ action: 'end', handle: handleOf(ids[5]!, secret) })).status, 200)
  assert.equal(await store.get(ids[5]!), null)
  assert.equal(((await (await act({ action: 'end-user', userId: '7' })).json()) as any).ended, 2)
  assert.deepEqual([await store.get(ids[0]!), await store.get(ids[1]!)], [null, null])
  assert.equal((await ask('overview')).stored.sessions, 3)
})
