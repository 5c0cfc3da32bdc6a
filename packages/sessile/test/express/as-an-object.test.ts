import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { later, options, original, ours, serve } from './helpers.ts'

class Money {
  amount: number
  constructor(amount: number) {
    this.amount = amount
  }
  toJSON() {
    return `${this.amount} EUR`
  }
}

type Use = (session: any, req: any) => unknown

/** What people do with `req.session` as with any object. Each is done to a stored session, and tells what it saw. */
const USES: Record<string, Use> = {
  'JSON.stringify': (session) => JSON.stringify(session, (key, value) => (key === 'expires' ? 'then' : value)),
  'JSON.stringify, chosen names, indented': (session) => JSON.stringify(session, ['a', 'list'], 2),
  'Object.keys, entries, values': (session) => [Object.keys(session), Object.entries(session).slice(1), Object.values(session).slice(1)],
  'for in': (session) => {
    const seen: string[] = []
    for (const name in session) seen.push(name)
    return seen
  },
  in: (session) => ['a' in session, 'b' in session, 'cookie' in session, 'id' in session, 'save' in session, 'toString' in session],
  'Object.hasOwn': (session) => [Object.hasOwn(session, 'a'), Object.hasOwn(session, 'b'), Object.hasOwn(session, 'id')],
  spread: (session) => ({ ...session, cookie: 0 }),
  'rest of a pattern': ({ cookie: _, a: __, ...rest }) => rest,
  'Object.assign from it': (session) => Object.assign({ z: 1 }, session, { cookie: 0 }),
  'Object.assign to it': (session) => void Object.assign(session, { a: 5, z: [1] }),
  'deepEqual of what it holds': (session) => {
    assert.deepEqual({ ...session, cookie: 0 }, { cookie: 0, a: 1, list: [3, 1, 2], nested: { deep: { n: 1 } }, when: '2020-01-01' })
  },
  'util.inspect': (session) =>
    inspect(session)
      .replace(/cookie: \{[^}]*\}/, '')
      .includes('list: [ 3, 1, 2 ]'),
  'constructor and prototype': (session) => [session.constructor.name, Object.getPrototypeOf(session) === Object.prototype, typeof session],
  'template text': (session) => `${session}`,
  delete: (session) => delete session.a && delete session.none,
  'set to undefined': (session) => void (session.a = undefined),
  'set to null': (session) => void (session.a = null),
  'set to what it was': (session) => void (session.a = 1),
  'read before, replaced after': (session) => {
    const before = session.nested
    session.nested = { other: true }
    before.lost = true
  },
  'read, put back': (session) => {
    const before = session.nested
    session.nested = undefined
    session.nested = before
    before.kept = true
  },
  push: (session) => session.list.push(4),
  sort: (session) => void session.list.sort(),
  splice: (session) => session.list.splice(1, 1, 'x', 'y'),
  'length = 0': (session) => void (session.list.length = 0),
  'an element': (session) => void (session.list[7] = 'far'),
  'inside, at depth': (session) => void (session.nested.deep.n += 41),
  'inside, after an await': async (session) => {
    const { nested, list } = session
    await later(2)
    nested.deep.late = true
    list.push('late')
  },
  'one object in two places': (session) => void ((session.b = session.nested), (session.b.shared = true)),
  'a class instance': (session) => void (session.price = new Money(3)),
  'a Date': (session) => void (session.at = new Date(5)),
  'a Map, a Set, a function, a symbol': (session) =>
    void Object.assign(session, { map: new Map([[1, 2]]), set: new Set([1]), run: () => 1, [Symbol('s')]: 1 }),
  'NaN, Infinity, -0': (session) => void Object.assign(session, { nan: NaN, infinite: Infinity, zero: -0 }),
  'a getter': (session) => void Object.defineProperty(session, 'got', { get: () => 7, enumerable: true, configurable: true }),
  'hidden from enumeration': (session) => void Object.defineProperty(session, 'hidden', { value: 7 }),
  'a name with an underscore': (session) => void (session._x = 1),
  'names like numbers': (session) => void ((session[2] = 'two'), (session['1'] = 'one')),
  'the cookie': (session) => void ((session.cookie.maxAge = 5000), (session.cookie.httpOnly = false)),
  'the cookie, through a variable': ({ cookie }) => void (cookie.path = '/'),
  'after save': (session) =>
    new Promise<void>((resolve) => {
      session.b = 1
      session.save(() => {
        session.list.push('after')
        session.nested.deep.n = 9
        resolve()
      })
    }),
  'after reload': (session, req) =>
    new Promise<void>((resolve) => {
      session.a = 'lost'
      session.list.push('lost')
      session.reload(() => {
        session.b = 'lost too'
        req.session.list.push('kept')
        resolve()
      })
    }),
  'after regenerate': (session, req) =>
    new Promise<void>((resolve) =>
      session.regenerate(() => {
        session.b = 'lost'
        req.session.list = [session.a]
        resolve()
      })
    ),
  'replaced method': (session) => {
    session.save = function (this: unknown, done: () => void) {
      done()
      return this
    }
    return Object.keys(session)
  },
  'frozen inside': (session) => void (session.b = Object.freeze({ x: Object.freeze([1]) })),
  'Reflect.ownKeys without what is hidden': (session) =>
    Reflect.ownKeys(session).filter((name) => !['req', 'id', 'save', 'reload'].includes(name as string))
}

/** What a use saw, what was sent, and what the next request finds. */
async function outcome(session: any, use: Use, t: TestContext): Promise<unknown> {
  const start = { a: 1, list: [3, 1, 2], nested: { deep: { n: 1 } }, when: '2020-01-01' }
  let saw: unknown
  const server = await serve(t, session(options({ store: new session.MemoryStore() })), async (req, res) => {
    if (req.url === '/start') Object.assign(req.session, start)
    else if (req.url === '/use') saw = await use(req.session, req)
    else saw = { ...req.session, cookie: { path: req.session.cookie.path, httpOnly: req.session.cookie.httpOnly } }
    res.end()
  })
  const { cookie } = await server.get('/start')
  const used = await server.get('/use', { cookie })
  const seen = saw
  await server.get('/look', { cookie: used.cookie ?? cookie })
  return { seen, isNewId: used.cookie !== undefined && used.cookie !== cookie, hasCookie: used.cookies.length, stored: saw }
}

for (const [name, use] of Object.entries(USES)) {
  test(`as with any object, the same as in express-session: ${name}`, async (t) => {
    assert.deepEqual(await outcome(ours, use, t), await outcome(original, use, t))
  })
}

test('not as in express-session: a session that was read from the store is no plain object to the algorithm of structuredClone', async (t) => {
  const told: unknown[] = []
  const server = await serve(t, ours(options()), (req, res) => {
    if (req.url === '/start') req.session.a = { b: 1 }
    else {
      assert.throws(() => structuredClone(req.session), { name: 'DataCloneError' })
      told.push(structuredClone({ ...req.session, cookie: req.session.cookie.data }).a, structuredClone(req.session.a))
    }
    res.end()
  })
  const { cookie } = await server.get('/start')
  assert.equal((await server.get('/', { cookie })).status, 200)
  assert.deepEqual(told, [{ b: 1 }, { b: 1 }])
})
