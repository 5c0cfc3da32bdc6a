import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { main } from '../../src/cli/main.ts'
import { SESSION_EVENTS } from '../../src/core/events.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { encrypted } from '../../src/security/encrypted.ts'
import { MongoStore } from '../../src/express/incumbents/mongo-store.ts'
import { policy, type Policy } from '../../src/security/policy.ts'
import { secure } from '../../src/security/presets.ts'
import { loginThrottle } from '../../src/security/throttle.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { SECRET, world } from './world.ts'

describe('the session policy', () => {
  it('where nothing else is given, it says the times that the store has', async () => {
    const said = (store: unknown, more: object = {}) => policy({ secret: [SECRET], store, ...more }).timeouts
    const DAY = 86_400_000
    assert.equal(said('sqlite:./sessions.db').anonymous.idleMs, DAY)
    assert.equal(said('mongodb://localhost/shop').anonymous.idleMs, 14 * DAY)
    assert.equal(said('mongodb://localhost/shop', { cookie: { maxAge: 5000 } }).signedIn.idleMs, 5000)
    const mongoOptions = { serverSelectionTimeoutMS: 50 }
    const store = MongoStore.create({ mongoUrl: 'mongodb://127.0.0.1:1', mongoOptions, ttl: 600, touchAfter: 60 })
    assert.deepEqual([said(store).signedIn.idleMs, said(store).touchSlackMs], [600_000, 60_000])
    assert.equal(said(store, { touchSlack: '5s' }).touchSlackMs, 5000)
    await store.close()
  })

  it('item 107: says what the running app does', async (t) => {
    const throttle = { pair: { points: 3, duration: '90s' } }
    const options = {
      ...secure('web', { production: false, name: 'visit' }),
      secret: [SECRET],
      store: encrypted(memoryStore(), { secret: SECRET }),
      lifetimes: { anonymous: { idle: '1d' }, signedIn: { idle: '10m', absolute: '2h' } },
      maxSessionsPerUser: 2,
      whenTooMany: 'end-oldest' as const,
      maxBytes: 2000
    }
    const said = policy(options, { throttle })
    const { browser, sessions, ask } = await world(t, options)
    const visitor = browser()
    const first = await visitor.post('/set?name=a&value=1')
    const at = Date.now()
    const near = (one: number | undefined, other: number) => assert.ok(Math.abs(one! - other) < 2000, `${one} ${other}`)
    const attribute = (name: string) => new RegExp(`; ${name}=([^;]+)`).exec(first.cookies[0]!)?.[1]
    assert.ok(first.cookies[0]!.startsWith(`${said.cookie.name}=`))
    assert.equal(attribute('Path'), said.cookie.path)
    assert.equal(attribute('SameSite')!.toLowerCase(), said.cookie.sameSite)
    assert.equal(attribute('Domain') ?? null, said.cookie.domain)
    assert.equal(first.cookies[0]!.includes('; Secure'), said.cookie.secure)
    assert.equal(first.cookies[0]!.includes('; HttpOnly'), said.cookie.httpOnly)
    near(Date.parse(attribute('Expires')!), at + said.timeouts.anonymous.idleMs!)
    assert.equal((await ask('/')).cookie !== undefined, said.cookie.withoutNeed)
    await visitor.post('/login?user=7')
    const info = (await sessions.of(7))[0]!
    near(info.idleExpiresAt, Date.now() + said.timeouts.signedIn.idleMs!)
    near(info.absoluteExpiresAt, Date.now() + said.timeouts.signedIn.absoluteMs!)
    assert.equal((await visitor.get('/read')).cookie !== undefined, said.cookie.rolling)
    for (let n = 0; n < 3; n++) await browser().post('/login?user=7')
    assert.equal((await sessions.of(7)).length, said.concurrency.maxSessionsPerUser)
    assert.equal(said.concurrency.whenTooMany, 'end-oldest')
    const large = await browser().post(`/set?name=a&value=${'x'.repeat(said.store.maxBytes!)}`)
    assert.ok(large.status >= 400)
    const limiter = loginThrottle({ ...throttle, backend: sessions.backend })
    const { points, durationMs } = said.throttling.signIn!.pair
    const tries = []
    for (let n = 0; n < points + 1; n++) tries.push(await limiter.attempt({ account: 'a', address: '192.0.2.1' }))
    assert.deepEqual(
      tries.map(({ allowed }) => allowed),
      [...Array.from({ length: points }, () => true), false]
    )
    near((tries.at(-1) as { retryAfterSeconds: number }).retryAfterSeconds * 1000, durationMs)
    assert.equal(said.store.encrypted, true)
  })

  it('item 107: has every part that a review asks for, holds no secret, and is JSON', () => {
    const made = policy(
      { ...secure('strict', { production: true }), secret: [SECRET, 'an older one that was long ago'], store: 'memory:' },
      { throttle: true, csrf: true, log: { 'login.failed': 'A wrong | password' }, limits: { 'POST /register': '60 in an hour' } }
    )
    const text = made.text()
    const titles = ['Timeouts', 'Sessions at once', 'Cookie', 'Guessing', 'What is logged', 'Cryptography', 'Secrets', 'The store']
    assert.deepEqual(
      [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title),
      titles
    )
    for (const [is] of [
      [/\| a signed-in user \| 15 minutes \| 8 hours \|/],
      [/any number of devices/],
      [/\| name \| `__Host-sessionId` \|/],
      [/\| SameSite \| strict \|/],
      [/5 failures in 15 minutes/],
      [/\| POST \/register \| 60 in an hour \|/],
      [/\| `login\.failed` \| A wrong \\\| password \|/],
      [/label `sessile csrf`/],
      [/In use: 2\./],
      [/answered 503/]
    ] as const)
      assert.match(text, is)
    for (const event of SESSION_EVENTS) assert.ok(text.includes(`\`${event}\``))
    const json = JSON.stringify(made)
    for (const one of [text, json]) assert.doesNotMatch(one, /lantern|long ago/)
    assert.deepEqual(Object.keys(JSON.parse(json) as object), [
      'timeouts',
      'concurrency',
      'cookie',
      'throttling',
      'log',
      'cryptography',
      'secrets',
      'store'
    ])
  })

  it('item 107: follows the options, express-session’s defaults among them', () => {
    const said = policy({ secret: SECRET })
    assert.deepEqual(said.timeouts.anonymous.idleMs, 86_400_000)
    assert.equal(policy({ secret: SECRET, cookie: { maxAge: 60_000 } }).timeouts.signedIn.idleMs, 60_000)
    assert.deepEqual([said.cookie.name, said.cookie.secure, said.cookie.withoutNeed], ['connect.sid', false, true])
    const text = said.text()
    for (const is of [/not limited here/, /ids \| as they are/, /SameSite \| not said/, /no: it is sent over HTTP/]) assert.match(text, is)
    assert.match(policy({ secret: SECRET, maxSessionsPerUser: 1 }).text(), /1 time at once; one more sign-in is refused/)
    assert.match(policy({ secret: SECRET, lifetimes: { signedIn: { renewAfter: '20m' } } }).text(), /then, and every 20 minutes/)
    for (const cookie of [() => ({})]) {
      assert.throws(
        () => policy({ secret: SECRET, cookie }),
        (error) => isSessionError(error) && error.code === 'bad-option'
      )
    }
  })

  it('item 107: `sessile policy` prints that of a preset', async () => {
    const run = async (...args: string[]) => {
      const printed = { stdout: '', stderr: '' }
      const to = (name: 'stdout' | 'stderr') => ({ write: (text: string) => void (printed[name] += text) })
      const code = await main(['policy', ...args], { stdout: to('stdout'), stderr: to('stderr'), env: {} })
      return { code, ...printed }
    }
    const web = await run()
    assert.equal(web.code, 0)
    assert.match(web.stdout, /^# Session policy\n/)
    assert.match(web.stdout, /\| a signed-in user \| 30 minutes \| 8 hours \|/)
    const strict = JSON.parse((await run('--preset', 'strict', '--name', 'id', '--json')).stdout) as Policy
    assert.deepEqual([strict.cookie.name, strict.timeouts.signedIn.idleMs], ['__Host-id', 900_000])
    for (const [args, message] of [
      [['--preset', 'lax'], /There is no preset "lax"/],
      [['--name', 'a b'], /name must be/],
      [['app.js'], /It takes options alone/]
    ] as const) {
      const { code, stderr } = await run(...args)
      assert.equal(code, 2)
      assert.match(stderr, message)
    }
  })
})
