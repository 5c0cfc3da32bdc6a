/** A process that works on the store that a URL names, beside others: run by the tests of several processes, which tell it what to do. */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Version } from '../../src/core/backend.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { attributesOf, change, recordsOn } from '../../src/testing/guarantees/tools.ts'

/** What can be asked of it, and what it answers. */
export interface Tasks {
  /** One swap, at a moment at which the others do the same. */
  swap: { given: { key: string; version: Version; data: string; at: number }; answer: string }
  /** Adds one to the number that is the data, so many times. Answers with the versions that its swaps took, and how often others were first. */
  increment: { given: { key: string; times: number }; answer: { taken: Version[]; conflicts: number } }
  /**
   * So many requests at once, all of which load the session before one of them saves; each saves an attribute of its own, and counts.
   * Answers with how often another one's write came between.
   */
  write: { given: { key: string; names: readonly string[]; at: number }; answer: number }
  /** Swaps and extends until the records are gone. Answers with how many swaps were done on each. */
  untilGone: { given: { keys: readonly string[] }; answer: number[] }
  /** Removes expired records until none is left. Answers with their keys. */
  sweep: { given: { limit: number }; answer: string[] }
}

type Work = { [T in keyof Tasks]: (given: Tasks[T]['given']) => Promise<Tasks[T]['answer']> }

/** Starts one. @param url of a store */
export function startRacer(url: string): {
  ask<T extends keyof Tasks>(task: T, given: Tasks[T]['given']): Promise<Tasks[T]['answer']>
  process: ChildProcess
} {
  const child = fork(fileURLToPath(import.meta.url), [url])
  return {
    process: child,
    ask: (task, given) =>
      new Promise((resolve, reject) => {
        const ended = (): void => reject(new Error(`the process ended while it was to ${task}`))
        child.once('exit', ended)
        child.once('message', (message: { answer: never; error?: string }) => {
          child.off('exit', ended)
          if (message.error) reject(new Error(message.error))
          else resolve(message.answer)
        })
        child.send({ task, given })
      })
  }
}

function work(url: string): Work {
  const store = backendByUrl(url)
  const expiresAt = Date.now() + 3_600_000

  async function swapUntilGone(key: string): Promise<number> {
    const giveUpAt = Date.now() + 10_000
    for (let done = 0; ;) {
      if (Date.now() > giveUpAt) throw new Error('the record came back again and again')
      const record = await store.read(key)
      if (!record) return done
      const lives = await store.extend(key, expiresAt + done)
      if (lives && (await store.swap(key, record.version, { data: `"${done}"`, expiresAt })).outcome === 'done') done++
    }
  }

  return {
    async swap({ key, version, data, at }) {
      while (Date.now() < at) {
        /* so that all begin in the same millisecond */
      }
      return (await store.swap(key, version, { data, expiresAt })).outcome
    },
    async increment({ key, times }) {
      const taken: Version[] = []
      let conflicts = 0
      while (taken.length < times) {
        const record = (await store.read(key))!
        const result = await store.swap(key, record.version, { data: String(Number(record.data) + 1), expiresAt })
        if (result.outcome === 'done') taken.push(record.version)
        else conflicts++
      }
      return { taken, conflicts }
    },
    async write({ key, names, at }) {
      const { records, told } = recordsOn(store, { deadlineMs: 20_000 })
      const all = await Promise.all(names.map(async (name) => ({ name, loaded: (await records.load(key))! })))
      await setTimeout(Math.max(0, at - Date.now()))
      await Promise.all(
        all.map(async ({ name, loaded }) => {
          await records.commit(loaded, change({ ...attributesOf(loaded.text), [name]: 1 }))
          await records.update(loaded, loaded.text, (text) => change({ ...attributesOf(text), n: Number(attributesOf(text)['n']) + 1 }))
        })
      )
      return told.filter(({ event }) => event === 'merged').length
    },
    untilGone: ({ keys }) => Promise.all(keys.map(swapUntilGone)),
    async sweep({ limit }) {
      const keys: string[] = []
      for (;;) {
        const removed = await store.removeExpired!(limit)
        if (removed.length === 0) return keys
        keys.push(...removed.map(({ key }) => key))
      }
    }
  }
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const tasks = work(process.argv[2]!)
  process.on('message', ({ task, given }: { task: keyof Tasks; given: never }) => {
    tasks[task](given).then(
      (answer) => process.send!({ answer }),
      (error: Error) => process.send!({ error: String(error.stack) })
    )
  })
}
