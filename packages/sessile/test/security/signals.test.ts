import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { requireFresh } from '../../src/security/guards.ts'
import type { SignalsOptions } from '../../src/security/options.ts'
import { agentFamily, type SignalChange, signals, strictSignals } from '../../src/security/signals.ts'
import { type AppRequest, onEachStore, type StoreKind, world } from './world.ts'

const chrome = (version: number) =>
  `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0'

async function watched(t: TestContext, kind: StoreKind, policy: SignalsOptions['policy']) {
  const changes: SignalChange[] = []
  const made = await world(t, {
    kind,
    prepare: (app, sessions) => {
      app.set('trust proxy', 'loopback')
      const watching = signals({ sessions, policy: (change, req) => (changes.push(change), policy(change, req)) })
      app.use(sessions, watching)
      app.post('/enter', async (req, res) => {
        await (req as AppRequest).session.signIn(7)
        watching.note(req)
        res.json({})
      })
      app.get('/pay', requireFresh('1h', { sessions }), (_req, res) => void res.json({}))
    }
  })
  const visitor = made.browser()
  const from = (agent: string, address: string) => ({ headers: { 'user-agent': agent, 'x-forwarded-for': address } })
  return { ...made, visitor, changes, from }
}

describe('signals', () => {
  onEachStore(
    'item 58: log: a change is told once, with what was and what is, and a newer version of the browser is none',
    async (kind, t) => {
      const { visitor, changes, from } = await watched(t, kind, () => 'log')
      await visitor.post('/enter', from(chrome(140), '203.0.113.7'))
      for (const version of [140, 141, 150]) await visitor.get('/read', from(chrome(version), '203.0.113.99'))
      assert.deepEqual(changes, [], 'nor is another address of the network')
      for (let n = 0; n < 3; n++) await visitor.get('/read', from(FIREFOX, '198.51.100.1'))
      assert.equal(changes.length, 1)
      const { handle, userId, changed, before, now } = changes[0]!
      assert.deepEqual([userId, changed], ['7', ['agent', 'network']])
      assert.equal(handle, (await visitor.get('/read', from(FIREFOX, '198.51.100.1'))).json().handle)
      assert.deepEqual(before, { agent: 'Chrome on Linux', network: '203.0.113.0/24' })
      assert.deepEqual(now, { agent: 'Firefox on Windows', network: '198.51.100.0/24' })
      assert.equal((await visitor.get('/read', from(FIREFOX, '198.51.100.1'))).json().userId, '7')
    }
  )

  onEachStore(
    'item 58: step-up: what needs a fresh sign-in is refused until the user confirms, then this is where he is',
    async (kind, t) => {
      const { visitor, changes, from } = await watched(t, kind, strictSignals)
      const home = from(chrome(140), '2001:db8:1::1')
      const train = from(chrome(140), '2001:db8:2::1')
      await visitor.post('/enter', home)
      assert.equal((await visitor.get('/pay', home)).status, 200)
      const reply = await visitor.get('/pay', train)
      assert.deepEqual([reply.status, reply.json().code], [401, 'reauthentication-required'])
      assert.equal((await visitor.get('/read', train)).json().userId, '7', 'he is still signed in')
      assert.equal((await visitor.get('/pay', home)).status, 401, 'it is asked whoever comes next')
      assert.equal((await visitor.get('/pay', train)).status, 401)
      assert.deepEqual(
        changes.map(({ changed }) => changed),
        [['network']]
      )
      await visitor.post('/confirm', train)
      assert.equal((await visitor.get('/pay', train)).status, 200)
      assert.equal(changes.length, 1)
    }
  )

  onEachStore('item 58: end: a stolen cookie ends the session, for the thief and for its user', async (kind, t) => {
    const { visitor, ask, from, stored } = await watched(t, kind, strictSignals)
    await visitor.post('/enter', from(chrome(140), '203.0.113.7'))
    const { cookie } = visitor
    assert.equal((await ask('/read', { cookie: cookie!, ...from('curl/8.0', '203.0.113.7') })).json().userId, null)
    assert.equal((await ask('/read', { cookie: cookie!, ...from(chrome(140), '203.0.113.7') })).json().userId, null)
    assert.deepEqual(
      (await stored()).filter(({ userId }) => userId !== undefined),
      []
    )
  })

  onEachStore('item 61: an address that no trusted proxy wrote changes nothing', async (kind, t) => {
    const { visitor, changes, app, from } = await watched(t, kind, () => 'log')
    app.set('trust proxy', false)
    await visitor.post('/enter', from(chrome(140), '203.0.113.7'))
    await visitor.get('/read', from(chrome(140), '198.51.100.1'))
    assert.deepEqual(changes, [])
  })

  onEachStore('of visitors nothing is kept, and without a change nothing is written', async (kind, t) => {
    const { visitor, from, stored } = await watched(t, kind, () => 'log')
    await visitor.post('/set?name=cart&value=1', from(chrome(140), '203.0.113.7'))
    assert.deepEqual((await visitor.get('/read', from(FIREFOX, '198.51.100.1'))).json().data, { cart: '1' })
    await visitor.post('/login?user=7', from(FIREFOX, '198.51.100.1'))
    await visitor.get('/', from(FIREFOX, '198.51.100.1'))
    const dataOf = async () => (await stored()).find(({ userId }) => userId === '7')!.data
    const before = await dataOf()
    assert.match(before, /Firefox on Windows/)
    assert.doesNotMatch(before, /198\.51\.100\.1"/, 'no whole address is kept')
    await visitor.get('/', from(FIREFOX, '198.51.100.1'))
    assert.equal(await dataOf(), before)
  })

  it('a policy that fails is an error of the request', async (t) => {
    const { visitor, from, errors } = await watched(t, 'memory', () => {
      throw new Error('the policy fails')
    })
    await visitor.post('/enter', from(chrome(140), '203.0.113.7'))
    assert.equal((await visitor.get('/read', from(FIREFOX, '203.0.113.7'))).status, 500)
    assert.match(String(errors[0]), /the policy fails/)
  })

  it('agents that nobody knows have their own first word, and mistakes in setting up are told', () => {
    assert.equal(agentFamily('curl/8.0'), agentFamily('curl/9.1'))
    assert.notEqual(agentFamily('curl/8.0'), agentFamily('my-app/2'))
    assert.equal(agentFamily(undefined), 'unknown on unknown')
    assert.equal(typeof agentFamily('\0'.repeat(10_000)), 'string')
    assert.throws(() => signals({} as never), isSessionError)
    assert.throws(() => signals({ sessions: { describe: () => undefined } } as never), isSessionError)
  })
})
