import './quiet.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Cookie } from '../../src/express/cookie.ts'
import { membersOf } from '../../src/express/members.ts'
import { Session } from '../../src/express/session.ts'
import { attributesOf, attributesText } from '../../src/express/text.ts'
import { Tracked } from '../../src/express/tracked.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { cookieFor, options, ours, serve } from './helpers.ts'

const COOKIE = '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}'
const req: any = { sessionID: 'an id' }
const origin = { req, cookieOf: (text: string) => new Cookie(JSON.parse(text)) }

/** A session of a text, once tracked and once as it would be without. @returns `undefined` where the text is none to be tracked */
function pair(text: string): { tracked: any; plain: any; start: string } | undefined {
  const start = attributesText(text)
  const members = membersOf(text, text.length - start.length)
  if (!members) return undefined
  const record = JSON.parse(text)
  return {
    tracked: new Tracked(origin, text, start, members).proxy,
    plain: new Session(req, { ...record, cookie: new Cookie(record.cookie) }),
    start
  }
}

const textOf = (attributes: object) =>
  `{"cookie":${COOKIE}${JSON.stringify(attributes)
    .slice(1)
    .replace(/^(?!\})/, ',')}`

const names = fc.constantFrom('a', 'b', 'views', 'update', 'with "quotes"', 'ümlaut', '7', 'cookies', 'toString', '')
const json = fc.jsonValue({ maxDepth: 2 })
const action = fc.oneof(
  fc.record({ do: fc.constant('read' as const), name: names }),
  fc.record({ do: fc.constant('has' as const), name: names }),
  fc.record({ do: fc.constant('set' as const), name: names, value: fc.oneof(json, fc.constant(undefined), fc.date()) }),
  fc.record({ do: fc.constant('inside' as const), name: names, value: json }),
  fc.record({ do: fc.constant('delete' as const), name: names }),
  fc.record({ do: fc.constantFrom('keys' as const, 'spread' as const, 'text' as const, 'define' as const, 'own' as const), name: names })
)

function perform(session: any, { do: what, name, value }: any): unknown {
  if (what === 'read') return typeof session[name] === 'function' ? 'a method' : session[name]
  if (what === 'has') return name in session
  if (what === 'set') return (session[name] = structuredClone(value))
  if (what === 'delete') return delete session[name]
  if (what === 'keys') return Object.keys(session)
  if (what === 'spread') return JSON.parse(JSON.stringify({ ...session }))
  if (what === 'text') return attributesOf(session)
  if (what === 'own') return Object.hasOwn(session, name)
  if (what === 'define') return Reflect.defineProperty(session, name, { value: 1, enumerable: true, writable: true, configurable: true })
  const held = session[name]
  if (typeof held !== 'object' || held === null) return 'nothing to change inside'
  if (Array.isArray(held)) held.push(value)
  else held.inside = value
  return JSON.stringify(held)
}

test('a session of which only what is touched is parsed behaves as any', () => {
  fc.assert(
    fc.property(fc.dictionary(names, json, { maxKeys: 6 }), fc.array(action, { maxLength: 8 }), (attributes, actions) => {
      const both = pair(textOf(attributes))
      if (!both) return
      const { tracked, plain } = both
      for (const one of actions) assert.deepEqual(perform(tracked, one), perform(plain, one), JSON.stringify(one))
      assert.equal(attributesOf(tracked), attributesOf(plain))
      assert.deepEqual(Object.keys(tracked), Object.keys(plain))
      assert.equal(JSON.stringify(tracked), JSON.stringify(plain))
      assert.equal(inspect(tracked), inspect(plain))
      assert.equal(attributesOf(tracked), attributesOf(plain))
      assert.ok(tracked instanceof Session)
    }),
    { numRuns: 2000 }
  )
})

test('what nobody changed is told from what somebody did, and keeps its text', () => {
  const { tracked, start } = pair(textOf({ a: { n: 1, s: 'x"]}\\' }, b: [1], c: 'a\\"b', d: null }))!
  assert.deepEqual([tracked.a, tracked.b, tracked.c, tracked.d, tracked.none], [{ n: 1, s: 'x"]}\\' }, [1], 'a\\"b', null, undefined])
  assert.ok(Object.is(attributesOf(tracked), start))
  tracked.a.n++
  assert.equal(attributesOf(tracked), '"a":{"n":2,"s":"x\\"]}\\\\"},"b":[1],"c":"a\\\\\\"b","d":null}')
  tracked.a.n--
  assert.equal(attributesOf(tracked), start)
  tracked.e = 1
  assert.equal(attributesOf(tracked), `${start.slice(0, -1)},"e":1}`)
})

test('texts that cannot be taken apart at a glance are parsed as a whole', () => {
  const inside = [
    '"a" :1',
    '"a":1, "b":2',
    '"a\\u0062":1',
    '"1":1',
    '"save":1',
    '"__proto__":1',
    '"a":',
    '"a":1,',
    '"a":"',
    '"a":{',
    '"a":1}',
    '"~":1'
  ]
  for (const one of inside) {
    const text = `{"cookie":${COOKIE},${one}}`
    assert.equal(membersOf(text, text.indexOf(one)), undefined, one)
  }
})

test('a Session is shown with its attributes, and its own things stay read-only', () => {
  const { tracked, plain } = pair(textOf({ a: 1 }))!
  assert.equal(inspect(tracked), inspect(plain))
  const other = pair(textOf({ a: 1 }))!.tracked
  for (const name of ['id', 'req']) assert.throws(() => (other[name] = 'another'), TypeError)
  assert.equal(other.id, 'an id')
  const third = pair(textOf({ a: 1 }))!.tracked
  const heir = Object.create(third)
  heir.a = 2
  assert.deepEqual([third.a, heir.a], [1, 2])
  Object.freeze(third)
  assert.throws(() => (third.b = 2), TypeError)
  assert.equal(attributesOf(third), '"a":1}')
})

test('a record that is broken inside answers without an error', async (t) => {
  const store = memoryStore()
  const server = await serve(t, ours(options({ store })), (request, res) => {
    const { bad = 'none', good } = request.session
    res.end(JSON.stringify([bad, good, Object.keys(request.session)]))
  })
  const broken = ['"good":1,"bad":{nothing}', '"good":1,"bad":tru', '"bad":1,"good":']
  for (const [at, one] of broken.entries()) {
    await store.create(`broken${at}`, { data: `{"cookie":${COOKIE},${one}}`, expiresAt: Date.now() + 60_000 })
    const { status, body } = await server.get('/', { cookie: cookieFor(`broken${at}`) })
    assert.equal(status, 200)
    if (at < 2) assert.deepEqual(JSON.parse(body), ['none', 1, ['cookie', 'good']])
  }
})

test("a touch that people put in the place of the sessions' own is called", async (t) => {
  const { touch } = Session.prototype
  let touched = 0
  Session.prototype.touch = function (this: Session) {
    touched++
    return touch.call(this)
  }
  t.after(() => {
    Session.prototype.touch = touch
  })
  const server = await serve(t, ours(options({ rolling: true })), (req, res) => {
    if (req.url === '/make') req.session.a = 1
    res.end(JSON.stringify({ a: req.session.a }))
  })
  const { cookie } = await server.get('/make')
  touched = 0
  assert.deepEqual((await server.get('/', { cookie })).json(), { a: 1 })
  assert.equal(touched, 1)
})
