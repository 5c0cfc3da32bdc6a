/** A process in which users sign in, several times at once, beside others on the same store: run by `limit.test.ts`. */
import { isSessionError } from '../../src/core/errors.ts'
import { now } from '../../src/core/clock.ts'
import { newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'

export interface Round {
  readonly user: string
  readonly times: number
  /** When to begin, so that all processes do at once. */
  readonly at: number
}

const [url, limit, whenTooMany] = process.argv.slice(2) as [string, string, 'refuse' | 'end-oldest']
const store = backendByUrl(url)
// on a busy machine loading a driver takes longer than a call may
await store.open?.()
const { records } = recordsOn(store, { maxSessionsPerUser: Number(limit), whenTooMany, deadlineMs: 20_000 })

async function signIn(user: string): Promise<boolean> {
  try {
    await records.create(newId(), change({ user }, { userId: user, meta: { a: now() } }))
    return true
  } catch (error) {
    if (isSessionError(error) && error.code === 'too-many-sessions') return false
    throw error
  }
}

process.on('message', async ({ user, times, at }: Round) => {
  while (Date.now() < at) {
    /* so that all begin in the same millisecond */
  }
  const answers = await Promise.all(Array.from({ length: times }, () => signIn(user)))
  process.send!(answers.filter(Boolean).length)
})
process.send!('ready')
