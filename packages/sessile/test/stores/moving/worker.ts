/** A process of an app whose store moves: it counts in sessions at random, and tells of each count that was saved. Its end is a SIGKILL. */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { movingFrom } from '../../../src/stores/moving/moving-from.ts'
import { attributesOf, recordsOn } from '../../../src/testing/guarantees/tools.ts'

/** @param counted told of every key whose count was saved */
export function startWorker(from: string, to: string, keys: readonly string[], counted: (key: string) => void): ChildProcess {
  const child = fork(fileURLToPath(import.meta.url), [from, to], { env: { ...process.env, KEYS: JSON.stringify(keys) } })
  child.on('message', (key: string) => counted(key))
  return child
}

async function count(from: string, to: string, keys: readonly string[]): Promise<void> {
  const { records } = recordsOn(movingFrom(from, to))
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (;;) {
        const key = keys[Math.floor(Math.random() * keys.length)]!
        const loaded = await records.load(key)
        if (!loaded) continue
        const outcome = await records.update(loaded, loaded.text, (text, stored) => {
          const attributes = attributesOf(text)
          const { userId, expiresAt } = stored
          return { text: JSON.stringify({ cookie: {}, ...attributes, n: Number(attributes['n']) + 1 }), expiresAt, userId }
        })
        if (outcome !== 'gone') process.send!(key)
      }
    })
  )
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , from, to] = process.argv as [string, string, string, string]
  count(from, to, JSON.parse(process.env['KEYS']!) as string[]).catch((error: unknown) => {
    console.error(error)
    process.exit(1)
  })
}
