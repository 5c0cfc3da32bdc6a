import { strict as assert } from 'node:assert'
import { test, type TestContext } from 'node:test'
import { MongoClient } from 'mongodb'
import { serverFor } from '@sessile/test-servers'
import { MongoStore } from '../../src/entries/mongodb.ts'
import { fakeClock, type FakeClock } from '../../src/testing/fake-clock.ts'
import { idOf, options, ours, serve } from '../express/helpers.ts'
import { newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

interface Visitor {
  readonly clock: FakeClock
  /** A request that changes nothing, after `ms`. @returns whether the session lives */
  visit(ms: number): Promise<boolean>
  /** How often the store was touched since it was asked last. */
  touches(): number
  /** How long the stored session has, ms. */
  left(): Promise<number>
}

const server = isSelected('mongodb') ? await serverFor('touchAfter', 'mongo') : undefined
if (server) {
  /** Somebody who has just begun a session of an hour. */
  async function visitor(t: TestContext, touchAfter: number, more: object = {}): Promise<Visitor> {
    const client = new MongoClient(server!.url)
    t.after(() => client.close())
    const collectionName = newCollection()
    const store = MongoStore.create({ client, collectionName, touchAfter })
    await store.collectionP
    const clock = fakeClock()
    t.after(clock.restore)
    let touched = 0
    store.on('touch', () => touched++)
    const app = await serve(t, ours(options({ store, cookie: { maxAge: HOUR }, ...more })), (req, res) => {
      if (req.url === '/begin') req.session.name = 'Zoë'
      res.end(req.session.name)
    })
    const { cookie } = await app.get('/begin')
    return {
      clock,
      async visit(ms) {
        clock.advance(ms)
        return (await app.get('/', { cookie })).body === 'Zoë'
      },
      touches() {
        const since = touched
        touched = 0
        return since
      },
      async left() {
        const document = await client
          .db()
          .collection<{ _id: string; expires: Date }>(collectionName)
          .findOne({ _id: idOf(cookie) })
        return document!.expires.getTime() - clock.now()
      }
    }
  }

  test('touchAfter under our middleware: one touch in that time, however many requests', async (t) => {
    const { visit, touches, left } = await visitor(t, 60)
    for (let second = 0; second < 30; second++) assert.ok(await visit(SECOND))
    assert.equal(touches(), 1)
    assert.ok((await left()) >= HOUR)
    for (let second = 0; second < 40; second++) assert.ok(await visit(SECOND))
    assert.equal(touches(), 1)
    assert.ok((await left()) >= HOUR)
  })

  test('touchAfter under our middleware: without it every request touches', async (t) => {
    const { visit, touches } = await visitor(t, 0)
    for (let second = 0; second < 5; second++) assert.ok(await visit(SECOND))
    assert.equal(touches(), 5)
  })

  test('touchAfter under our middleware: no session ends early, and none lives on for more than that', async (t) => {
    const { visit, clock, left } = await visitor(t, 600)
    // each next visit is in the last moment that a session of an hour has after the one before, whether that one was stored or not
    for (const ms of [SECOND, 5 * MINUTE, HOUR - 1, 2 * MINUTE, 9 * MINUTE, HOUR - 1, 1, HOUR - 1]) {
      assert.ok(await visit(ms), `after ${ms} ms`)
      const ends = await left()
      assert.ok(ends >= HOUR && ends <= HOUR + 10 * MINUTE, `${ends}`)
    }
    clock.advance(HOUR + 10 * MINUTE)
    assert.equal(await visit(1), false)
  })

  test('touchAfter under our middleware: longer than the session lives it is half of that, and touchSlack has the last word', async (t) => {
    const long = await visitor(t, 24 * 3600)
    await long.visit(SECOND)
    assert.ok((await long.left()) <= 1.5 * HOUR)
    for (let visits = 0; visits < 5; visits++) assert.ok(await long.visit(HOUR - 1))
    const { visit, touches, left } = await visitor(t, 3600, { touchSlack: '5s' })
    for (let second = 0; second < 13; second++) await visit(SECOND)
    assert.equal(touches(), 3)
    assert.ok((await left()) <= HOUR + 5 * SECOND)
  })
}
