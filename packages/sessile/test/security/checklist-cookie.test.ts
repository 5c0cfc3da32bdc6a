import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noStore } from '../../src/security/no-store.ts'
import { secure } from '../../src/security/presets.ts'
import { milliseconds } from '../../src/core/options.ts'
import { cookieFor, NAME, onEachStore, world } from './world.ts'

/** Headers of a request that came over HTTPS to a proxy which the app trusts. */
const HTTPS = { 'x-forwarded-proto': 'https' }

function attributesOf(setCookie: string | undefined): Record<string, string> {
  return Object.fromEntries(
    setCookie!
      .split('; ')
      .slice(1)
      .map((part) => {
        const [name, value] = part.split('=')
        return [name!.toLowerCase(), value ?? '']
      })
  )
}

describe('checklist: the cookie', () => {
  for (const preset of ['web', 'strict'] as const) {
    it(`items 13, 14, 15, 17, 18, 20: the cookie of the preset ${preset} has all a browser can be asked for`, async (t) => {
      const { ask } = await world(t, {
        ...secure(preset, { production: true, name: NAME }),
        prepare: (app) => app.set('trust proxy', 'loopback')
      })
      for (const path of ['/set?name=a&value=b', '/login?user=7']) {
        const { cookies } = await ask(path, { method: 'POST', headers: HTTPS })
        assert.equal(cookies.length, 1)
        assert.ok(cookies[0]!.startsWith(`__Host-${NAME}=`))
        const { secure: overHttps, httponly, samesite, path: under, domain, expires } = attributesOf(cookies[0])
        assert.deepEqual([overHttps, httponly, under, domain], ['', '', '/', undefined])
        assert.match(samesite!, /^(Lax|Strict)$/)
        if (expires) assert.ok(Date.parse(expires) <= Date.now() + 400 * 86_400_000)
      }
    })
  }

  it('items 22, 123: over plain HTTP the preset neither sends its cookie nor believes who says it is HTTPS', async (t) => {
    const { ask } = await world(t, { ...secure('web', { production: true, name: NAME }) })
    for (const headers of [{}, HTTPS, { forwarded: 'proto=https' }, { 'x-forwarded-ssl': 'on' }, { 'front-end-https': 'on' }]) {
      assert.deepEqual((await ask('/login?user=7', { method: 'POST', headers: headers as Record<string, string> })).cookies, [])
    }
  })

  onEachStore('item 19: the cookie stays small, whatever the session holds', async (kind, t) => {
    const { browser } = await world(t, { kind })
    const visitor = browser()
    for (let n = 0; n < 20; n++) await visitor.post(`/set?name=n${n}&value=${'x'.repeat(10_000)}`)
    assert.ok(visitor.cookie!.length < 200)
    assert.equal(Object.keys((await visitor.get('/read')).json().data).length, 20)
  })

  onEachStore('items 21, 30: past its idle time a session is over, whatever becomes of the cookie', async (kind, t) => {
    const { browser, ask } = await world(t, { kind, rolling: true, lifetimes: { signedIn: { idle: '30m' } } })
    const visitor = browser()
    await visitor.post('/login?user=7')
    const start = Date.now()
    t.mock.timers.enable({ apis: ['Date'], now: start + 29 * 60_000 })
    assert.equal((await visitor.get('/read')).json().userId, '7')
    t.mock.timers.setTime(start + 58 * 60_000)
    assert.equal((await visitor.get('/read')).json().userId, '7', 'use moves it')
    t.mock.timers.setTime(start + 89 * 60_000)
    assert.equal((await ask('/read', { cookie: visitor.cookie })).json().userId, null)
  })

  onEachStore('item 23: of two cookies of the name, never a third session', async (kind, t) => {
    const { browser, ask } = await world(t, { kind })
    const [one, other] = [browser(), browser()]
    await one.post('/set?name=whose&value=one')
    await other.post('/set?name=whose&value=other')
    for (const bad of [`${NAME}=bad`, `${NAME}=`, cookieFor('never issued')]) {
      const reply = await ask('/read', { cookie: `${bad}; ${one.cookie}` })
      assert.ok([undefined, 'one'].includes(reply.json().data.whose))
      assert.equal((await ask('/read', { cookie: `${one.cookie}; ${bad}` })).json().data.whose, 'one')
    }
    assert.equal((await ask('/read', { cookie: `${one.cookie}; ${other.cookie}` })).json().data.whose, 'one')
  })

  it('item 25: with noStore() no answer is cached, cookie or not', async (t) => {
    const { browser } = await world(t, { rolling: true, prepare: (app) => app.use(noStore()) })
    const visitor = browser()
    for (const path of ['/', '/read']) {
      for (const reply of [await visitor.get(path), await visitor.post('/set?name=a&value=b'), await visitor.get(path)]) {
        assert.equal(reply.headers['cache-control'], 'no-store')
        assert.match(String(reply.headers['vary']), /Cookie/)
      }
    }
  })

  onEachStore('item 26: signing out clears the cookie that was set: same name, path, domain and flags', async (kind, t) => {
    for (const cookie of [
      { path: '/', sameSite: 'strict' as const },
      { path: '/', domain: 'shop.example', httpOnly: true },
      { path: '/', sameSite: 'none' as const, secure: true }
    ]) {
      const { browser } = await world(t, { kind, cookie, prepare: (app) => app.set('trust proxy', 'loopback') })
      const visitor = browser()
      const set = attributesOf((await visitor.post('/login?user=7', { headers: HTTPS })).cookies[0])
      const reply = await visitor.post('/logout', { headers: HTTPS })
      const { expires, ...cleared } = attributesOf(reply.cookies.at(-1))
      assert.ok(Date.parse(expires!) < Date.now() - 86_400_000)
      delete set['expires']
      assert.deepEqual(cleared, set)
    }
  })

  it('item 32: the presets keep within NIST’s limits, and say them', () => {
    for (const [preset, idle, absolute] of [
      ['web', '1h', '24h'],
      ['strict', '15m', '12h']
    ] as const) {
      const { lifetimes, explain } = secure(preset)
      for (const [name, limit] of [
        ['idle', idle],
        ['absolute', absolute]
      ] as const) {
        const value = lifetimes.signedIn[name]
        assert.ok(milliseconds(name, value) <= milliseconds(name, limit))
        assert.ok(explain().includes(`lifetimes.signedIn ${name} ${value}`))
      }
      assert.ok(milliseconds('absolute', lifetimes.anonymous.absolute) <= 30 * 86_400_000)
    }
  })
})
