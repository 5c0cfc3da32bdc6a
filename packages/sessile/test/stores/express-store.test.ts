import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { Store } from '../../src/entries/index.ts'
import { ours, serve, SECRET, type Running } from '../express/helpers.ts'

type Callback = (error?: unknown, value?: object | null) => void

/**
 * A store as a pool of connections makes it: what `get` reads and what `set` writes is there after some turns of the event loop,
 * and the answer comes after some more, so that calls overtake each other.
 */
class Pooled extends (Store as any) {
  readonly records = new Map<string, string>()
  #calls = 0

  get(id: string, callback: Callback): void {
    this.#later(() => {
      const text = this.records.get(id)
      this.#later(() => callback(null, text === undefined ? null : (JSON.parse(text) as object)))
    })
  }

  set(id: string, session: object, callback?: Callback): void {
    const text = JSON.stringify(session)
    this.#later(() => {
      this.records.set(id, text)
      this.#later(() => callback?.())
    })
  }

  destroy(id: string, callback?: Callback): void {
    this.#later(() => {
      this.records.delete(id)
      this.#later(() => callback?.())
    })
  }

  #later(call: () => void): void {
    let turns = (this.#calls++ * 7) % 11
    const next = () => (turns-- > 0 ? setImmediate(next) : call())
    next()
  }
}

const handler = (request: any, response: any) => {
  const [, verb, name] = request.url.split('/')
  if (verb === 'set') request.session[name] = true
  if (verb === 'in') return request.session.signIn(name).then(() => response.end())
  if (verb === 'out') return request.session.destroy(() => response.end())
  response.end(JSON.stringify(Object.keys(request.session).filter((key) => key !== 'cookie')))
}

async function running(t: Parameters<typeof serve>[0]): Promise<{ store: Pooled; app: Running; cookie: string }> {
  const store = new Pooled()
  const app = await serve(t, ours({ secret: SECRET, resave: false, saveUninitialized: false, store }), handler)
  const { cookie } = await app.get('/set/first')
  return { store, app, cookie: cookie! }
}

describe('a third-party store whose calls overtake each other', () => {
  it('keeps what 60 parallel requests of one process write', async (t) => {
    const { app, cookie } = await running(t)
    await Promise.all(Array.from({ length: 60 }, (_, i) => app.get(`/set/k${i}`, { cookie })))
    assert.equal((await app.get('/', { cookie })).json().length, 61)
  })

  it('has no session again that was ended among 40 writes', async (t) => {
    for (let round = 0; round < 10; round++) {
      const { store, app, cookie } = await running(t)
      const writes = Array.from({ length: 40 }, (_, i) => app.get(i === 5 + round ? '/out' : `/set/k${i}`, { cookie }))
      await Promise.all(writes)
      assert.deepEqual((await app.get('/', { cookie })).json(), [])
      // a request that came after the end began a session of its own
      for (const text of store.records.values()) assert.doesNotMatch(text, /first/)
    }
  })

  it('keeps what 50 parallel requests write around a sign-in: one live id, the old one dead', async (t) => {
    for (let round = 0; round < 10; round++) {
      const { store, app, cookie } = await running(t)
      const at = (round * 11) % 50
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) => app.get(i === at ? `/in/u${round}` : `/set/k${i}`, { cookie }))
      )
      const names: string[] = (await app.get('/', { cookie: answers[at]!.cookie! })).json()
      assert.ok(names.includes('first') && names.includes('userId'))
      for (const [i, { cookie: own }] of answers.entries())
        if (i !== at && own === undefined) assert.ok(names.includes(`k${i}`), `k${i} is lost`)
      assert.deepEqual((await app.get('/', { cookie })).json(), [])
      assert.equal([...store.records.values()].filter((text) => text.includes('first')).length, 1)
    }
  })
})
