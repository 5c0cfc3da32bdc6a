import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { wrapBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { attributesOf, change, recordsOn } from './helpers.ts'

test('what was created is loaded, in the same tick on a store that answers so', () => {
  const { records, names } = recordsOn(memoryStore())
  const created = records.create('k', change({ a: 1 }))
  assert.ok(!(created instanceof Promise))
  const loaded = records.load('k')
  assert.ok(loaded && !(loaded instanceof Promise))
  assert.deepEqual(attributesOf(loaded.text), { a: 1 })
  assert.deepEqual(names(), ['created'])
})

test('two requests that change different attributes both keep theirs', async () => {
  const { records, names } = recordsOn(memoryStore())
  await records.create('k', change({}))
  const [one, other] = [await records.load('k'), await records.load('k')]
  assert.equal(await records.commit(one!, change({ one: 1 })), 'saved')
  assert.equal(await records.commit(other!, change({ other: 2 })), 'merged')
  assert.deepEqual(attributesOf((await records.load('k'))!.text), { one: 1, other: 2 })
  assert.deepEqual(names(), ['created', 'merged'])
})

test('after a merge a request goes on from its own copy: what others added stays', async () => {
  const { records } = recordsOn(memoryStore())
  await records.create('k', change({}))
  const [one, other] = [await records.load('k'), await records.load('k')]
  await records.commit(one!, change({ one: 1 }))
  await records.commit(other!, change({ other: 1 }))
  assert.equal(await records.commit(other!, change({ other: 2 })), 'saved')
  assert.deepEqual(attributesOf((await records.load('k'))!.text), { one: 1, other: 2 })
})

test('nothing changed, nothing written', async () => {
  let writes = 0
  const backend = wrapBackend(memoryStore(), (operation, call) => {
    if (operation === 'swap') writes++
    return call()
  })
  const { records } = recordsOn(backend)
  const first = change({ a: 1 })
  await records.create('k', first)
  assert.equal(await records.commit((await records.load('k'))!, first), 'unchanged')
  assert.equal(writes, 0)
  assert.equal(await records.commit((await records.load('k'))!, { ...first, always: true }), 'saved')
  assert.equal(writes, 1)
})

test('a destroyed session stays destroyed: the late write is dropped and told', async () => {
  const { records, names } = recordsOn(memoryStore())
  await records.create('k', change({}))
  const loaded = (await records.load('k'))!
  assert.equal(await records.destroy('k'), true)
  assert.equal(await records.commit(loaded, change({ back: true })), 'gone')
  assert.equal(await records.touch(loaded, Date.now() + 1e6), false)
  assert.equal(await records.load('k'), undefined)
  assert.deepEqual(names(), ['created', 'destroyed', 'ended', 'late-write'])
  assert.equal(await records.destroy('k'), false)
})

test('update() counts every one of 100 at once', async () => {
  const { records } = recordsOn(memoryStore())
  await records.create('k', change({ n: 0 }))
  await Promise.all(Array.from({ length: 100 }, async () => {
    const loaded = (await records.load('k'))!
    await null
    await records.update(loaded, loaded.text, (text) => change({ n: Number(attributesOf(text)['n']) + 1 }))
  }))
  assert.deepEqual(attributesOf((await records.load('k'))!.text), { n: 100 })
})

test('renewing moves the data to the new id; the old one is dead at once', async () => {
  const { records, told } = recordsOn(memoryStore())
  await records.create('old', change({ cart: 1 }))
  const loaded = (await records.load('old'))!
  const renewed = await records.renew(loaded, 'new', change({ cart: 1, userId: 'ann' }, { userId: 'ann', meta: { a: 5 } }), { reason: 'sign-in', follow: true, overlapMs: 0 })
  assert.ok(renewed !== 'gone')
  assert.equal(await records.load('old'), undefined)
  const found = (await records.load('new'))!
  assert.deepEqual(attributesOf(found.text), { cart: 1, userId: 'ann' })
  assert.equal(found.stored.meta.a, 5)
  assert.deepEqual(told.map(({ event }) => event), ['created', 'created', 'renewed', 'ended', 'retired-id'])
})

test('a commit under way follows a renewal; one to another user\'s session does not', async () => {
  for (const follow of [true, false]) {
    const { records } = recordsOn(memoryStore())
    await records.create('old', change({}))
    const [slow, signing] = [(await records.load('old'))!, (await records.load('old'))!]
    await records.renew(signing, 'new', change({ userId: 'ann' }, { userId: 'ann' }), { reason: 'sign-in', follow, overlapMs: 0 })
    assert.equal(await records.commit(slow, change({ cart: 1 })), follow ? 'merged' : 'gone')
    const found = (await records.load('new'))!
    assert.deepEqual(attributesOf(found.text), follow ? { userId: 'ann', cart: 1 } : { userId: 'ann' })
    assert.equal(found.userId, 'ann')
    assert.equal(slow.moved, follow)
  }
})

test('within the overlap of a routine renewal the old id finds the session, afterwards it is reported', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 })
  const { records, names } = recordsOn(memoryStore())
  await records.create('old', change({ a: 1 }))
  await records.renew((await records.load('old'))!, 'new', change({ a: 1 }), { reason: 'routine', follow: true, overlapMs: 10_000 })
  t.mock.timers.tick(9_999)
  const found = (await records.load('old'))!
  assert.deepEqual([found.key, found.moved, attributesOf(found.text)], ['new', true, { a: 1 }])
  t.mock.timers.tick(1)
  assert.equal(await records.load('old'), undefined)
  assert.equal(names().at(-1), 'retired-id')
})

test('destroying by the old id ends the renewed session too', async () => {
  const { records } = recordsOn(memoryStore())
  await records.create('old', change({}))
  await records.renew((await records.load('old'))!, 'new', change({}), { reason: 'asked', follow: true, overlapMs: 0 })
  assert.equal(await records.destroy('old'), true)
  assert.equal(await records.load('new'), undefined)
})

test('renewing a session that was ended leaves nothing under the new id', async () => {
  const { records } = recordsOn(memoryStore())
  await records.create('old', change({}))
  const loaded = (await records.load('old'))!
  await records.revoke('old')
  assert.equal(await records.renew(loaded, 'new', change({}), { reason: 'asked', follow: true, overlapMs: 0 }), 'gone')
  assert.equal(await records.load('new'), undefined)
})

test('of two renewals at once one wins, the other leaves nothing', async () => {
  const { records } = recordsOn(memoryStore())
  await records.create('old', change({}))
  const [one, other] = [(await records.load('old'))!, (await records.load('old'))!]
  const renewal = { reason: 'asked', follow: true, overlapMs: 0 } as const
  assert.ok(await records.renew(one, 'one', change({}), renewal) !== 'gone')
  assert.equal(await records.renew(other, 'other', change({}), renewal), 'gone')
  assert.equal(await records.load('other'), undefined)
  assert.ok(await records.load('one'))
})

test('the sessions of a user are listed and ended, one excepted; nobody is not everybody', async () => {
  const { records } = recordsOn(memoryStore())
  for (const key of ['a', 'b', 'c']) await records.create(key, change({ userId: 'ann' }, { userId: 'ann' }))
  await records.create('bob', change({ userId: 'bob' }, { userId: 'bob' }))
  assert.deepEqual((await records.users.list('ann')).map(({ key }) => key).sort(), ['a', 'b', 'c'])
  assert.equal(await records.users.revokeAll('ann', 'b'), 2)
  assert.deepEqual((await records.users.list('ann')).map(({ key }) => key), ['b'])
  assert.ok(await records.load('bob'))
  for (const wrong of ['', undefined, null, '*', {}]) {
    if (wrong === '*') assert.equal(await records.users.revokeAll('*'), 0)
    else await assert.rejects(async () => records.users.revokeAll(wrong as string), (error) => isSessionError(error) && error.code === 'bad-argument')
  }
  assert.ok(await records.load('bob'))
})

test('parallel sign-ins never pass maxSessionsPerUser', async () => {
  for (const whenTooMany of ['refuse', 'end-oldest'] as const) {
    const { records } = recordsOn(memoryStore(), { maxSessionsPerUser: 3, whenTooMany })
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, async (_, at) => {
      await null
      return records.create(`k${at}`, change({ userId: 'ann' }, { userId: 'ann', meta: { a: 1000 + at } }))
    }))
    assert.equal((await records.users.list('ann')).length, 3)
    const refused = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason.code)
    assert.deepEqual(refused, whenTooMany === 'refuse' ? Array(7).fill('too-many-sessions') : [])
  }
})

test('a record larger than maxBytes is refused and what was stored stays', async () => {
  const { records } = recordsOn(memoryStore(), { maxBytes: 1000 })
  await records.create('k', change({ a: 1 }))
  const loaded = (await records.load('k'))!
  await assert.rejects(async () => records.commit(loaded, change({ a: 'ü'.repeat(600) })), (error) => isSessionError(error) && error.code === 'too-large')
  assert.deepEqual(attributesOf((await records.load('k'))!.text), { a: 1 })
})

test('expired sessions are absent to the millisecond, and told once with their attributes', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 })
  const { records, told } = recordsOn(memoryStore())
  await records.create('k', change({ cart: 3 }, { expiresAt: 1_800_000_005_000 }))
  t.mock.timers.tick(4_999)
  assert.ok(await records.load('k'))
  t.mock.timers.tick(1)
  assert.equal(await records.load('k'), undefined)
  t.mock.timers.tick(5_000)
  assert.equal(await records.sweep(100), 1)
  assert.equal(await records.sweep(100), 0)
  const expired = told.filter(({ event }) => event === 'expired')
  assert.deepEqual(expired.map(({ payload }) => payload), [{ handle: 'handle of k', attributes: { cart: 3 } }])
})

test('a store that does not answer in time gives store-timeout, one that throws store-failed with the cause', async () => {
  const never = recordsOn(wrapBackend(memoryStore(), () => new Promise(() => {})), { deadlineMs: 20 })
  await assert.rejects(async () => never.records.load('k'), (error) => isSessionError(error) && error.code === 'store-timeout')
  const cause = new Error('no route to host')
  const broken = recordsOn(wrapBackend(memoryStore(), () => { throw cause }))
  await assert.rejects(async () => broken.records.load('k'), (error) => isSessionError(error) && error.code === 'store-failed' && error.cause === cause)
  assert.deepEqual(broken.names(), ['store-error'])
})

test('a store that is down is left alone after some failures, and found again without a restart', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 })
  let down = false
  let calls = 0
  const { records } = recordsOn(wrapBackend(memoryStore(), (_operation, call) => {
    calls++
    if (down) throw new Error('connection refused')
    return call()
  }))
  await records.create('k', change({}))
  down = true
  for (let at = 0; at < 20; at++) await assert.rejects(async () => records.load('k'), (error) => isSessionError(error) && error.code === 'store-failed')
  assert.equal(calls, 6)
  t.mock.timers.tick(1000)
  await assert.rejects(async () => records.load('k'))
  assert.equal(calls, 7, 'one call tries again')
  down = false
  t.mock.timers.tick(1000)
  assert.ok(await records.load('k'))
  assert.ok(await records.load('k'))
})

test('store calls are seen on tracing channels, failed ones with their error, without keys or data', async () => {
  const seen: string[] = []
  const channel = tracingChannel('sessile:store:read')
  const handlers = {
    start: (trace: unknown) => seen.push(`start ${JSON.stringify(trace)}`),
    end: () => seen.push('end'),
    asyncStart: () => seen.push('asyncStart'),
    asyncEnd: () => seen.push('asyncEnd'),
    error: (trace: unknown) => seen.push(`error ${(trace as { error: Error }).error.message}`)
  }
  channel.subscribe(handlers)
  const { records } = recordsOn(memoryStore())
  await records.load('k')
  assert.deepEqual(seen.splice(0), ['start {"store":"memory","operation":"read"}', 'end'])
  const late = recordsOn(wrapBackend(memoryStore(), async () => { throw new Error('cut') }))
  await assert.rejects(async () => late.records.load('k'))
  assert.deepEqual(seen, ['start {"store":"memory","operation":"read"}', 'end', 'error cut', 'asyncStart', 'asyncEnd'])
  channel.unsubscribe(handlers)
})
