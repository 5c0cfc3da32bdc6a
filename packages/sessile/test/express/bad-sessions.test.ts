import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { options, ours, PlainStore, serve } from './helpers.ts'

const looped = () => {
  const one: Record<string, unknown> = {}
  one['self'] = one
  return one
}

const BAD: Record<string, () => unknown> = {
  'holds itself': looped,
  'is a BigInt': () => ({ deep: [1n] }),
  'has a toJSON that throws': () => ({
    toJSON() {
      throw new Error('no')
    }
  }),
  'has a key __proto__': () => JSON.parse('{"a":[{"__proto__":{"admin":true}}]}')
}

const ways: Record<string, (req: any, value: unknown) => unknown> = {
  '/end': (req, value) => {
    req.session.bad = value
  },
  '/save': (req, value) => {
    req.session.bad = value
    return req.session.save()
  },
  '/sign-in': (req, value) => req.session.signIn('u1', { bad: value }),
  '/update': (req, value) =>
    req.session.update((draft: any) => {
      draft.bad = value
    })
}

for (const [store, make] of Object.entries<() => any>({
  'a MemoryStore': () => undefined,
  memory: memoryStore,
  'another store': () => new PlainStore()
})) {
  for (const [what, bad] of Object.entries(BAD)) {
    test(`a session that ${what} is refused clearly, and what was stored before stays (${store})`, async (t) => {
      const server = await serve(t, ours(options({ store: make() })), async (req, res) => {
        if (req.url === '/seed') req.session.seed = 1
        const way = ways[req.url]
        try {
          if (way) await way(req, bad())
          res.end(JSON.stringify(req.session.seed ?? null))
        } catch (error: any) {
          delete req.session?.bad
          res.statusCode = error.status
          res.end(`${error.code}: ${error.message}`)
        }
      })
      for (const [path] of Object.entries(ways)) {
        const { cookie } = await server.get('/seed')
        const answer = await server.get(path, { cookie })
        assert.equal(answer.status, 500, `${path}: ${answer.body}`)
        assert.match(answer.body, /^not-storable: The session holds something that cannot be stored\./, path)
        assert.match(answer.body, what === 'has a key __proto__' ? /__proto__/ : /attribute "bad"/, path)
        const after = await server.get('/look', { cookie: answer.cookie ?? cookie })
        assert.equal(after.body, '1', path)
      }
    })
  }
}

test('a session larger than maxBytes is refused before the answer is sent; no limit is set unless asked for', async (t) => {
  const handler = (req: any, res: any) => {
    if (req.url === '/seed') req.session.seed = 1
    if (req.url === '/huge') req.session.huge = 'é'.repeat(60_000)
    try {
      res.end(JSON.stringify(req.session))
    } catch (error: any) {
      res.statusCode = error.status
      res.end(error.code)
    }
  }
  const limited = await serve(t, ours(options({ maxBytes: 100_000 })), handler)
  const { cookie } = await limited.get('/seed')
  const refused = await limited.get('/huge', { cookie })
  assert.deepEqual([refused.status, refused.body], [413, 'too-large'])
  assert.equal((await limited.get('/', { cookie })).json().seed, 1)
  const open = await serve(t, ours(options()), handler)
  assert.equal((await open.get('/huge')).status, 200)
})

test('an old record with a key __proto__ goes on, and pollutes nothing', async (t) => {
  const store = new PlainStore()
  store.set(
    'old',
    JSON.parse('{"cookie":{"originalMaxAge":null,"expires":null,"path":"/"},"a":{"__proto__":{"admin":true}}}') as never,
    () => {}
  )
  const { cookieFor } = await import('./helpers.ts')
  const server = await serve(t, ours(options({ store })), (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.end(JSON.stringify([req.session.views, ({} as any).admin ?? null]))
  })
  for (const views of [1, 2]) assert.deepEqual((await server.get('/', { cookie: cookieFor('old') })).json(), [views, null])
})
