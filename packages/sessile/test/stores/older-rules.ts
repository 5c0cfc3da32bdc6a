/** The rules for records of older writers that hold on every store alike; by their numbers, as in each store's own test. */
import { strict as assert } from 'node:assert'
import { it } from 'node:test'
import session from 'express-session'
import type { MaybePromise, SessionBackend } from '../../src/core/backend.ts'
import { EventHub } from '../../src/core/events.ts'
import { newId } from '../../src/core/ids.ts'
import { SessionRecords } from '../../src/core/records.ts'

const HOUR = 3_600_000

/** An older store and ours on the same records. */
export interface Beside {
  readonly theirs: {
    /** @returns `null` or `undefined` where there is none */
    get(key: string): Promise<any>
    set(key: string, value: object): Promise<unknown>
    touch(key: string, value: object): Promise<unknown>
    destroy(key: string): Promise<unknown>
  }
  readonly ours: SessionBackend
  /** When a session ends, as it is stored. */
  endOf(key: string): MaybePromise<number>
  /** A session as JSON, without what one of both may say otherwise. */
  json?(value: unknown): unknown
}

/** A session as express-session hands it to a store. @param ms its life; `undefined`: its cookie does not say it */
export function sessionOf(ms: number | undefined, more: object = {}): Record<string, any> {
  const cookie = new session.Cookie() as any
  if (ms !== undefined) cookie.maxAge = ms
  return { cookie, ...more }
}

export const near = (one: number, other: number): void => assert.ok(Math.abs(one - other) <= 1000, `${one} and ${other}`)

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

export function olderRules({ theirs, ours, endOf, json = plain }: Beside): void {
  const records = new SessionRecords(ours, { events: new EventHub(), handleOf: (key) => key })
  const read = async (key: string) => await ours.read(key)
  const hasNone = async (key: string): Promise<void> => assert.equal((await theirs.get(key)) ?? undefined, undefined)

  it('R5 what we note about a session outlives their writing it, and is not shown', async () => {
    const key = newId()
    const at = Date.now() + HOUR
    await records.create(key, { text: JSON.stringify(sessionOf(HOUR, { userId: 'ada' })), expiresAt: at, userId: 'ada' })
    const { meta } = (await records.load(key))!.stored
    assert.ok(meta.c)
    await theirs.set(key, { ...(await theirs.get(key)), ...sessionOf(HOUR), views: 1 })
    const loaded = (await records.load(key))!
    assert.equal(loaded.stored.meta.c, meta.c)
    assert.equal(loaded.userId, 'ada')
    const { cookie: _, ...attributes } = JSON.parse(loaded.text)
    assert.deepEqual(attributes, { userId: 'ada', views: 1 })
  })

  it('R7 what they wrote or ended meanwhile, no swap of ours undoes', async () => {
    const key = newId()
    await theirs.set(key, sessionOf(HOUR, { views: 1 }))
    const { version } = (await read(key))!
    await theirs.touch(key, sessionOf(2 * HOUR))
    const next = { data: JSON.stringify(sessionOf(HOUR, { views: 2 })), expiresAt: Date.now() + 3 * HOUR }
    const swapped = await ours.swap(key, version, next)
    assert.ok(swapped.outcome === 'done', 'a touch is no change of the session')
    await theirs.set(key, sessionOf(HOUR, { views: 3 }))
    assert.equal((await ours.swap(key, swapped.version, { ...next, userId: 'eve' })).outcome, 'changed')
    assert.equal((await theirs.get(key)).views, 3)
    assert.deepEqual(await ours.keysOfUser!('eve'), [])
    await theirs.destroy(key)
    assert.equal((await ours.swap(key, version, next)).outcome, 'gone')
    assert.equal(await ours.extend(key, Date.now() + HOUR), false)
    await hasNone(key)
  })

  it('R13 they write; we read, change, touch; they read', async () => {
    const key = newId()
    const data = sessionOf(HOUR, { views: 1, name: 'Zoë', list: [1, { deep: null }], userId: 'ada' })
    await theirs.set(key, data)
    const record = (await read(key))!
    assert.deepEqual(json(JSON.parse(record.data)), json(data))
    near(record.expiresAt, Date.now() + HOUR)
    const next = JSON.stringify({ ...JSON.parse(record.data), views: 2 })
    const swapped = await ours.swap(key, record.version, { data: next, expiresAt: Date.now() + 2 * HOUR, userId: 'zoe' })
    assert.equal(swapped.outcome, 'done')
    assert.deepEqual(json(await theirs.get(key)), json(JSON.parse(next)))
    near(await endOf(key), Date.now() + 2 * HOUR)
    assert.equal(await ours.extend(key, Date.now() + 3 * HOUR), true)
    near(await endOf(key), Date.now() + 3 * HOUR)
    assert.deepEqual(json(await theirs.get(key)), json(JSON.parse(next)))
    assert.deepEqual(await ours.keysOfUser!('zoe'), [key])
    assert.equal((await ours.remove(key))!.userId, 'zoe')
    await hasNone(key)
    assert.deepEqual(await ours.keysOfUser!('zoe'), [])
  })

  it('R13 we write; they read, change, touch; we read', async () => {
    const key = newId()
    const data = sessionOf(HOUR, { views: 1 })
    const next = { data: JSON.stringify(data), expiresAt: Date.now() + HOUR, userId: 'dan' }
    assert.equal((await ours.create(key, next)).outcome, 'done')
    assert.deepEqual(json(await theirs.get(key)), json(data))
    await theirs.touch(key, sessionOf(2 * HOUR))
    near((await read(key))!.expiresAt, Date.now() + 2 * HOUR)
    await theirs.set(key, sessionOf(3 * HOUR, { views: 5 }))
    const record = (await read(key))!
    near(record.expiresAt, Date.now() + 3 * HOUR)
    assert.equal(JSON.parse(record.data).views, 5)
    assert.equal(record.userId, 'dan')
    await theirs.destroy(key)
    assert.equal(await read(key), undefined)
    assert.deepEqual(await ours.keysOfUser!('dan'), [])
  })
}
