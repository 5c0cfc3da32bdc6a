import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { serverFor } from '../../../test-servers/src/index.ts'
import { temporaryFolder } from '../stores/harnesses.ts'
import { newCollection } from '../stores/mongodb-harness.ts'
import { newTable } from '../stores/postgres-harness.ts'
import { freshPrefix } from '../stores/redis-harness.ts'
import { isSelected } from '../stores/selected.ts'
import { options, ours, serve } from './helpers.ts'

const MANY = 50
const ROUNDS = 3
const folder = temporaryFolder()
after(() => folder.clean())

/** 50 requests at once, the one in the middle signs in: what they wrote is in one session, which has the new id. */
function suite(name: string, make: () => object): void {
  it(`${MANY} requests at once around a sign-in: one live id, the old one dead, nothing lost (${name})`, async (t) => {
    const sessions = ours(options({ ...make() }))
    t.after(() => sessions.close())
    const server = await serve(t, sessions, async (req, res) => {
      const [, verb, name] = req.url.split('/')
      if (verb === 'in') await req.session.signIn(name)
      else if (verb === 'set') req.session[name] = 1
      else if (verb === 'count') await req.session.update((draft: any) => (draft.n = (draft.n ?? 0) + 1))
      res.end(JSON.stringify({ id: req.sessionID, session: req.session }))
    })
    for (let round = 0; round < ROUNDS; round++) {
      const { cookie } = await server.get('/set/start')
      const at = Math.floor(MANY / 2) + round
      const urls = Array.from({ length: MANY }, (_, i) => (i === at ? `/in/user${round}` : i % 5 === 0 ? '/count' : `/set/k${i}`))
      const answers = await Promise.all(urls.map((url) => server.get(url, { cookie })))
      // a request that came after the sign-in brought an id that was dead by then: it has a session of its own
      const lateComers = answers.filter((answer, i) => i !== at && answer.cookie !== undefined && answer.cookie !== cookie)
      const signedIn = answers[at]!.cookie!
      assert.notEqual(signedIn, cookie)
      assert.equal((await sessions.of(`user${round}`)).length, 1)
      const { session } = (await server.get('/', { cookie: signedIn })).json()
      assert.equal(session.userId, `user${round}`)
      let counts = 0
      for (const [i, url] of urls.entries()) {
        if (i === at || lateComers.includes(answers[i]!)) continue
        assert.ok([200, 401].includes(answers[i]!.status), answers[i]!.body)
        if (url === '/count') counts++
        else assert.equal(session[url.slice(5)], 1, `${url} is lost`)
      }
      assert.equal(session.n, counts)
      const old = (await server.get('/', { cookie })).json().session
      assert.deepEqual([old.userId, old.start], [undefined, undefined])
    }
  })
}

const redis = isSelected('redis') ? await serverFor('redis, around a sign-in', 'redis') : undefined
const postgres = isSelected('postgres') ? await serverFor('postgres, around a sign-in', 'postgres') : undefined
const mongo = isSelected('mongodb') ? await serverFor('mongodb, around a sign-in', 'mongo') : undefined

if (isSelected('memory')) {
  suite('memory', () => ({ store: 'memory:' }))
  suite('MemoryStore', () => ({ store: new ours.MemoryStore() }))
  suite('hashed ids', () => ({ store: 'memory:', hashIds: true }))
  suite('hashed ids, moving', () => ({ store: 'memory:', hashIds: 'migrate' }))
}
if (isSelected('sqlite')) {
  suite('sqlite', () => ({ store: `sqlite:${folder.path('in.db')}` }))
}
if (redis) suite('redis', () => ({ store: `${redis.url}?prefix=${freshPrefix()}` }))
if (postgres) suite('postgres', () => ({ store: `${postgres.url}${postgres.url.includes('?') ? '&' : '?'}tableName=${newTable()}` }))
if (mongo) suite('mongodb', () => ({ store: `${mongo.url}${mongo.url.includes('?') ? '&' : '?'}collectionName=${newCollection()}` }))
