import { strict as assert } from 'node:assert'
import { it, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/random.ts'

const HOURS = 24
const USERS = 12
const NEW_SESSIONS_AN_HOUR = 60

/** What there is in a database, of one store. */
export interface Remains {
  /** Keys of records, markers of renewed ids among them. */
  readonly keys: readonly string[]
  /** How many records there are in each space beside the sessions: revocation marks, counters. */
  readonly beside: Readonly<Record<string, number>>
  /** Keys that an index of users names, where the index stands apart from the records. */
  readonly indexed?: readonly string[]
}

export interface SoakedStore {
  readonly name: string
  readonly store: SessionBackend
  /** How long an hour is, where the store goes by a clock that cannot be moved. Absent: the clock of this process is moved. */
  readonly hourMs?: number
  /** Looks into the database itself. @param users whose index is looked at */
  remains(users: readonly string[]): Promise<Remains>
}

interface Alive {
  key: string
  readonly user: string | undefined
  expiresAt: number
}

/**
 * Registers a day of sessions that begin, go on, get new ids, end and run out, squeezed into seconds: afterwards the database holds the
 * sessions that live, and nothing else.
 */
export function soak({ name, store, hourMs, remains }: SoakedStore): void {
  it(`${name}: after a day of sessions that come and go there are as many records as sessions`, async (context) => {
    const clock = hourMs === undefined ? fakeClock() : undefined
    context.after(async () => {
      clock?.restore()
      await store.close?.()
    })
    const hour = hourMs ?? 3_600_000
    const { records } = recordsOn(store, { deadlineMs: 20_000 })
    const random = seededRandom(7)
    const oneIn = (count: number): boolean => random() * count < 1
    const live = new Map<string, Alive>()
    const revoked = new Set<string>()
    let made = 0
    let renewed = 0
    let swept = 0

    const begin = async (): Promise<void> => {
      const user = oneIn(3) ? undefined : `user${Math.floor(random() * USERS)}`
      const session = { key: newId(), user, expiresAt: Date.now() + (oneIn(10) ? 12 : 1 + Math.floor(random() * 4)) * hour }
      await records.create(session.key, change({ made }, { userId: user, expiresAt: session.expiresAt }))
      live.set(session.key, session)
      made++
    }

    /** A session ended before something was done with it: only because its time was over. */
    const ended = (session: Alive): void => {
      assert.ok(Date.now() >= session.expiresAt, 'a session that lives is there')
      live.delete(session.key)
    }

    const goOn = async (session: Alive): Promise<void> => {
      const loaded = await records.load(session.key)
      if (!loaded) return ended(session)
      const expiresAt = Date.now() + 3 * hour
      const chance = random()
      if (chance < 0.35) {
        if (!(await records.touch(loaded, expiresAt))) return ended(session)
        session.expiresAt = Math.max(session.expiresAt, expiresAt)
      } else if (chance < 0.7) {
        const outcome = await records.commit(loaded, change({ at: Date.now() }, { userId: session.user, expiresAt }))
        if (outcome === 'gone') return ended(session)
        session.expiresAt = expiresAt
      } else if (chance < 0.85) {
        const key = newId()
        const next = change({ at: Date.now() }, { userId: session.user, expiresAt })
        const outcome = await records.renew(loaded, key, next, { reason: 'asked', follow: true, overlapMs: 0 })
        if (outcome === 'gone') return ended(session)
        live.delete(session.key)
        Object.assign(session, { key, expiresAt })
        live.set(key, session)
        renewed++
      } else {
        await records.destroy(session.key)
        live.delete(session.key)
      }
    }

    for (let at = 0; at < HOURS; at++) {
      await Promise.all(Array.from({ length: NEW_SESSIONS_AN_HOUR }, begin))
      await Promise.all([...live.values()].filter(() => oneIn(2)).map(goOn))
      if (oneIn(2)) {
        const user = `user${Math.floor(random() * USERS)}`
        await records.users.revokeAll(user)
        revoked.add(user)
        for (const [key, session] of live) if (session.user === user) live.delete(key)
      }
      if (clock) clock.advance(hour)
      else await pause(hour)
      swept += await sweep(records)
      for (const [key, { expiresAt }] of live) if (expiresAt <= Date.now()) live.delete(key)
    }

    // those that are left stay, so that they can be looked at; what else is left lives for an hour at most
    const stay = async (session: Alive): Promise<void> => {
      const loaded = await records.load(session.key)
      if (!loaded || !(await records.touch(loaded, Date.now() + 3 * 3_600_000))) ended(session)
    }
    await Promise.all([...live.values()].map(stay))
    clock?.advance(3_660_000)
    swept += await sweep(records)
    const users = Array.from({ length: USERS }, (_, index) => `user${index}`)
    tell(context, { made, renewed, swept, live: live.size })
    assert.ok(live.size > 5 && made === HOURS * NEW_SESSIONS_AN_HOUR)
    await settle(async () => {
      const { keys, beside, indexed } = await remains(users)
      const found = await Promise.all(keys.map((key) => (live.has(key) ? true : records.find(key))))
      const markers = new Set(keys.filter((_, index) => found[index] === undefined))
      assert.deepEqual(sessionsOf(keys), [...live.keys()].sort())
      // those of the last minute, which is all of them where time could not be moved
      assert.ok(markers.size <= (clock ? 0 : renewed), `${markers.size} records of renewed ids`)
      const owned = [...live.values()].filter(({ user }) => user !== undefined)
      if (indexed) assert.deepEqual(sessionsOf(indexed), owned.map(({ key }) => key).sort())
      for (const user of users) {
        const mine = owned.filter((session) => session.user === user).map(({ key }) => key)
        assert.deepEqual(sessionsOf(await store.keysOfUser!(user)), mine.sort())
      }
      function sessionsOf(all: readonly string[]): string[] {
        return all.filter((key) => !markers.has(key)).sort()
      }
      // a mark of each user whose sessions were ended, for an hour
      for (const [space, count] of Object.entries(beside)) {
        assert.equal(count, space === 'marks' && !clock ? revoked.size : 0, space)
      }
    })
  })
}

async function sweep(records: ReturnType<typeof recordsOn>['records']): Promise<number> {
  let swept = 0
  for (let batch; (batch = await records.sweep(500)) > 0;) swept += batch
  return swept
}

/** Again for some seconds, where the database removes what ran out by a clock of its own. */
async function settle(look: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await look()
    } catch (error) {
      if (tries === 30) throw error
      await pause(100)
    }
  }
}

function tell(context: TestContext, figures: Record<string, number>): void {
  context.diagnostic(JSON.stringify(figures))
}
