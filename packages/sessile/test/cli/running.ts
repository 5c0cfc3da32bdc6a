import { strict as assert } from 'node:assert'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { main } from '../../src/cli/main.ts'
import { temporaryFolder } from '../stores/harnesses.ts'

export const SECRET = 'the secret of the app that is long enough'
export const HOUR = 3_600_000
export const folder = temporaryFolder()
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  folder.clean()
})

/** Starts `sessile` as a shell does. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { SESSION_SECRET: _, STORE_URL: __, ...inherited } = process.env
  const program = join(import.meta.dirname, 'sessile.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  running.add(child)
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (chunk) => (printed[name] += String(chunk)))
  const done = once(child, 'close').then(() => {
    running.delete(child)
    return { code: child.exitCode, ...printed }
  })
  return { child, printed, done }
}

export const run = (args: readonly string[], env?: Readonly<Record<string, string>>) => start(args, env).done

/** As `run`, in this process, which is sooner done; for what does not listen to signals. */
export async function runHere(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const printed = { stdout: '', stderr: '' }
  const writing = (name: keyof typeof printed) => ({ write: (text: string) => void (printed[name] += text) })
  const code = await main(args, { stdout: writing('stdout'), stderr: writing('stderr'), env })
  return { code, ...printed }
}

/** What is printed for programs, with the exit code. */
export async function runJson(args: readonly string[], env?: Readonly<Record<string, string>>, by: typeof run = runHere) {
  const { code, stdout, stderr } = await by([...args, '--json'], env)
  assert.ok(stdout.startsWith('{'), `no JSON, but ${stdout}${stderr}`)
  return { code, ...(JSON.parse(stdout) as Record<string, any>) } as Record<string, any>
}

export async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 1000, 'it was waited for in vain')
    await pause(10)
  }
}
