/** A process that writes through faults, and tells what they did to it: run by `faults.ts`. */
import { strict as assert } from 'node:assert'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { Writers } from './faults-writers.ts'

/** Its calls have a short deadline, so that many faults fit into a few seconds. */
export const FAST_DEADLINE_MS = 200

interface Told {
  /** Bytes in use, garbage not counted. */
  readonly heap: number
  readonly failed: number
  readonly slowestMs: number
  /** For how long at a time nothing else could be done: 99 in 100 times at most, and once. */
  readonly stoodStill: { readonly usualMs: number; readonly mostMs: number }
}

export class ProcessInTrouble {
  readonly #child: ChildProcess

  /** @param url of a store; it has written to it before it hears of anything */
  constructor(url: string) {
    this.#child = fork(fileURLToPath(import.meta.url), [url], { execArgv: [...process.execArgv, '--expose-gc'] })
  }

  /** `finish`: waits until its writers have got on, holds what is stored against what they were told, and ends. */
  async ask(what: 'heap' | 'finish'): Promise<Told> {
    const told = once(this.#child, 'message')
    this.#child.send(what)
    const [answer] = (await Promise.race([told, once(this.#child, 'exit')])) as [Told]
    assert.equal(typeof answer, 'object', 'the process ended: see above')
    return answer
  }

  /** Its exit code; nothing of the store keeps it alive. */
  async ended(): Promise<number | null> {
    const child = this.#child
    const tooLong = setTimeout(() => child.kill('SIGKILL'), 10_000)
    if (child.exitCode === null) await once(child, 'exit')
    clearTimeout(tooLong)
    return child.exitCode
  }
}

/** Lets a process close its store while an answer is awaited, and something happens to its connection. @returns its exit code */
export async function closeDuring(url: string, fault: () => void): Promise<number | null> {
  const child = fork(fileURLToPath(import.meta.url), [url, 'close'])
  await once(child, 'message')
  fault()
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

async function close(url: string): Promise<void> {
  const store = backendByUrl(url)
  await store.create('one', { data: '{}', expiresAt: Date.now() + 60_000 })
  const answer = Promise.allSettled([store.read('one')])
  const closed = store.close!()
  process.send!('closing')
  await closed
  await answer
}

async function work(url: string): Promise<void> {
  const store = backendByUrl(url)
  const delays = monitorEventLoopDelay({ resolution: 10 })
  const writers = await Writers.start(store, FAST_DEADLINE_MS)
  delays.enable()
  const tell = (): void => {
    for (let round = 0; round < 3; round++) gc!()
    const stoodStill = { usualMs: delays.percentile(99) / 1e6, mostMs: delays.max / 1e6 }
    process.send!({ heap: process.memoryUsage().heapUsed, failed: writers.failed, slowestMs: writers.slowestMs, stoodStill } satisfies Told)
  }
  process.on('message', (what: 'heap' | 'finish') => {
    if (what === 'heap') return tell()
    void (async () => {
      await writers.finish()
      await store.close!()
      tell()
      process.disconnect()
    })()
  })
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , url, task] = process.argv
  await (task === 'close' ? close(url!) : work(url!))
}
