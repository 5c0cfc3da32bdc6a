import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, mock } from 'node:test'
import { z } from 'zod'
import { AUDIT_EVENTS } from '../../src/audit-events.ts'
import { harmless } from '../../src/audit/audit.ts'
import { AuditRepository } from '../../src/audit/repository.ts'
import { touches } from '../../src/audit/touches.ts'
import { keptAddress } from '../../src/places.ts'
import { ADMIN, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, temporaryFolder, type TestShop } from '../helpers.ts'

// Section B9 of the checklist (docs/security.md): the audit log. The numbers are its items.

/** What every line has to look like: nothing in it that is not known here. */
const LINE = z.strictObject({
  level: z.literal('info'),
  time: z.iso.datetime(),
  event: z.enum(Object.keys(AUDIT_EVENTS) as [string, ...string[]]),
  userId: z.int().optional(),
  byUserId: z.int().optional(),
  session: z
    .string()
    .regex(/^[\w-]{40,}$/)
    .optional(),
  address: z.string().optional(),
  userAgent: z.string().optional(),
  requestId: z.uuid().optional(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional()
})

interface Logged extends TestShop {
  lines(): z.output<typeof LINE>[]
}

/** A shop that writes its audit log into a file. */
async function logged(env: Record<string, string> = {}): Promise<Logged & AsyncDisposable> {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'audit.log')
  const shop = await startShop({ AUDIT_LOG: file, ...env })
  const lines = () =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => LINE.parse(JSON.parse(line)))
  const close = async () => {
    await shop.close()
    await folder.remove()
  }
  return { ...shop, lines, [Symbol.asyncDispose]: close }
}

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

describe('item 101: everything that happens to sessions and accounts is logged, once, in order', () => {
  it('a story from the first visit to the end of the account', async () => {
    await using shop = await logged()
    const own = (since: number) =>
      shop
        .lines()
        .slice(since)
        .map(({ event }) => event)
        .filter((event) => event !== 'session.touched')
    const step = async (expected: string[], work: () => Promise<unknown>) => {
      const since = shop.lines().length
      await work()
      assert.deepEqual(own(since), expected)
    }
    const [client, other] = [shop.client({ headers: { 'user-agent': CHROME } }), shop.client()]
    const who = { username: 'storyteller', email: 'storyteller@example.com', password: PASSWORD }
    const login = { username: who.username, password: PASSWORD }
    await shop.client().get('/')
    await step(['session.created'], () => client.get('/'))
    await step(['session.rotated', 'account.registered'], () => client.post('/register', who))
    await step(['login.failed'], () => other.post('/login', { ...login, password: 'not the password at all' }))
    await step(['session.created', 'login.succeeded', 'device.new'], () => other.post('/login', login))
    await step(['access.denied'], () => client.get('/admin'))
    await step(['access.denied'], () => client.post('/cart/add', { productId: 1 }, { 'sec-fetch-site': 'cross-site' }))
    await step(['step-up.failed'], () => client.post('/account/reauthenticate', { password: 'not the password at all' }))
    await step(['session.rotated', 'step-up.succeeded'], () => client.post('/account/reauthenticate', { password: PASSWORD }))
    await step(['session.rotated', 'account.email-changed'], () =>
      client.post('/account/email', { email: 'teller@example.com', currentPassword: PASSWORD })
    )
    const { deviceId } = (await client.get('/account/notices')).json.newDevices[0]
    await step(['device.confirmed'], () => client.post(`/account/devices/${deviceId}/confirm`))
    const [{ sessionId }] = (await client.get('/account/sessions')).json.sessions.filter((one: any) => !one.current)
    await step(['session.revoked'], () => client.delete(`/account/sessions/${sessionId}`))
    const newPassword = 'violet elephants dance'
    await step(['session.rotated', 'account.password-changed'], () =>
      client.post('/account/password', { currentPassword: PASSWORD, newPassword })
    )
    const before = client.copy()
    await step(['session.rotated', 'login.succeeded'], () => client.post('/login', { ...login, password: newPassword }))
    await step(['session.reused', 'access.denied'], () => before.get('/profile'))
    await step(['logout', 'session.destroyed'], () => client.post('/logout'))
    await step(['session.created', 'login.succeeded'], () => client.post('/login', { ...login, password: newPassword }))
    await step(['session.revoked', 'account.deleted'], () => client.send('DELETE', '/account', { currentPassword: newPassword }))
    const stranger = shop.client()
    for (let i = 0; i < 5; i++) await stranger.post('/login', { username: 'nobody-yet', password: 'x' })
    await step(['login.locked'], () => stranger.post('/login', { username: 'nobody-yet', password: 'x' }))
  })

  it('what administrators do, with whom it was done to and who did it', async () => {
    await using shop = await logged()
    const admin = await shop.signedIn(ADMIN)
    const { id, client } = await registered(shop)
    const since = shop.lines().length
    for (const word of ['promote', 'sign-out', 'demote', 'disable', 'enable']) await admin.post(`/admin/users/${id}/${word}`)
    // of the requests of who is signed in a sample is noted, by chance
    const lines = shop
      .lines()
      .slice(since)
      .filter(({ event }) => event !== 'session.touched')
    assert.deepEqual(
      lines.map(({ event, userId, byUserId }) => [event, userId, byUserId]),
      [
        ['admin.user-promoted', id, 1],
        ['session.revoked', id, 1],
        ['admin.user-signed-out', id, 1],
        ['admin.user-demoted', id, 1],
        ['admin.user-disabled', id, 1],
        ['admin.user-enabled', id, 1]
      ]
    )
    assert.equal((await client.get('/profile')).status, 401)
  })

  it('what ran out, when it is swept away', async () => {
    await using shop = await logged()
    const { id } = await registered(shop)
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 31 * 60_000 })
    try {
      await shop.sessions.sweep()
    } finally {
      mock.timers.reset()
    }
    const line = shop.lines().find(({ event }) => event === 'session.expired')!
    // Nobody's request: there is no address, no browser, no number of one.
    assert.deepEqual([line.userId, line.address, line.requestId], [id, undefined, undefined])
  })

  it('a sample of the requests of who is signed in', () => {
    const noted: string[] = []
    let chance = 0
    const sample = touches(
      (event) => noted.push(event),
      () => 'handle',
      { sample: 0.25, random: () => (chance = (chance + 0.25) % 1) }
    )
    const request = (userId?: number) => sample({ method: 'GET', session: { userId } } as never, {} as never, () => {})
    for (let i = 0; i < 8; i++) request(7)
    assert.deepEqual(noted, ['session.touched', 'session.touched'])
    for (let i = 0; i < 8; i++) request()
    assert.equal(noted.length, 2)
  })
})

describe('item 102: a line says when (UTC), who, what, where, which session and which request', () => {
  it('one JSON object each, readable by its owner alone', async () => {
    await using shop = await logged({ TRUST_PROXY: 'loopback' })
    const client = shop.client({ headers: { 'user-agent': CHROME, 'x-forwarded-for': '198.51.100.7', 'x-request-id': 'mine' } })
    const answer = await client.post('/login', { username: 'user', password: 'userpass' })
    const requestId = answer.headers.get('x-request-id')
    const line = shop.lines().find(({ event }) => event === 'login.succeeded')!
    const { sessionId } = (await client.get('/profile')).json.sessionInfo
    assert.deepEqual(
      [line.userId, line.session, line.address, line.userAgent, line.requestId],
      [2, sessionId, '198.51.100.7', CHROME, requestId]
    )
    assert.ok(Math.abs(Date.parse(line.time) - Date.now()) < 60_000 && line.time.endsWith('Z'))
    // The same number in all lines of a request, another one in each request, never the client's.
    assert.equal(shop.lines().filter((one) => one.requestId === requestId).length, 2)
    assert.notEqual((await client.get('/profile')).headers.get('x-request-id'), requestId)
    assert.equal(statSync(shop.config.auditFile!).mode & 0o077, 0)
  })
})

describe('item 103: sessions are named by their handles, and nothing secret is in a line', () => {
  it('neither a name that somebody typed: it may be a password', async () => {
    await using shop = await logged()
    await shop.client().post('/login', { username: 'typed-my-password-here', password: 'x' })
    await shop.client().get('/orders/by-link/a-secret-link?token=another-secret')
    await shop.client().get('/typed-another-secret?x=y')
    const text = readFileSync(shop.config.auditFile!, 'utf8')
    for (const secret of ['typed-my-password', 'a-secret-link', 'another-secret']) assert.ok(!text.includes(secret), secret)
  })
  // Of a whole run, and in all that the shop writes anywhere: see secrets.test.ts.
})

describe('item 104: nobody writes lines of the log but the shop', () => {
  it('whatever is in a name, an address or a user agent', async () => {
    await using shop = await logged({ TRUST_PROXY: 'loopback' })
    const forged = '{"level":"info","time":"2025-01-01T00:00:00.000Z","event":"login.succeeded","userId":1}'
    const agents = [`x\t${forged}`, 'x\u001b[2J\u001b]0;title\u0007', 'x\u009b31m', '\u00ad\u0085hidden']
    for (const agent of agents) {
      const client = shop.client({ headers: { 'x-forwarded-for': `198.51.100.7\t${forged}` } })
      // fetch refuses what no header may have; what it lets through goes as it is.
      const answer = await client
        .post('/login', { username: `a\n${forged}`, password: 'x' }, { 'user-agent': agent })
        .catch(() => undefined)
      if (answer) assert.ok([400, 401].includes(answer.status))
    }
    const lines = shop.lines()
    assert.ok(lines.length >= 1)
    for (const { event } of lines) assert.equal(event, 'login.failed')
    for (const line of lines) assert.doesNotMatch(`${line.userAgent} ${line.address}`, /[\p{Cc}\p{Cf}]/u)
    assert.ok(lines.every(({ address }) => address === undefined || address === '198.51.100.7'))
    for (const raw of readFileSync(shop.config.auditFile!, 'latin1').split('\n')) assert.doesNotMatch(raw, /[\x00-\x1f\x7f\x80-\x9f]\[/)
  })

  it('makes text harmless, and short', () => {
    assert.equal(harmless('a\r\nb\u001b[31mc\u202ed\u2028e\u200bf'), 'a\uFFFD\uFFFDb\uFFFD[31mc\uFFFDd\uFFFDe\uFFFDf')
    assert.equal(harmless('Zürich 北京 🦔'), 'Zürich 北京 🦔')
    assert.equal(harmless('x'.repeat(10_000)).length, 256)
  })
})

describe('item 105: what shows how the shop is doing is closed', () => {
  it('to visitors, and to users', async () => {
    await using shop = await startShop()
    const user = await shop.signedIn()
    for (const path of ['/metrics', '/admin', '/admin/sessions', '/admin/users', '/admin/audit', '/admin/dashboard/']) {
      for (const accept of ['application/json', BROWSER_ACCEPT]) {
        const visitor = await shop.client().get(path, { accept })
        assert.ok(
          [401, 404].includes(visitor.status) || (visitor.status === 303 && visitor.headers.get('location')!.startsWith('/login')),
          path
        )
        assert.equal((await user.get(path, { accept })).status, 403, path)
      }
    }
    for (const path of ['/debug', '/.env', '/.git/config', '/shop.db', '/session-secret', '/src/main.ts', '/server-status']) {
      assert.equal((await shop.client().get(path)).status, 404, path)
    }
  })
})

describe('item 106: addresses and browsers are kept for a limited time, and can be kept in part, or not at all', () => {
  for (const [kept, address, agent] of [
    ['full', '198.51.100.77', CHROME],
    ['network', '198.51.100.0/24', 'Chrome on Linux'],
    ['none', undefined, 'Chrome on Linux']
  ] as const) {
    it(kept, async () => {
      await using shop = await logged({ TRUST_PROXY: 'loopback', ADDRESSES: kept })
      const at = { headers: { 'user-agent': CHROME, 'x-forwarded-for': '198.51.100.77' } }
      const client = shop.client(at)
      await client.post('/login', { username: 'user', password: 'userpass' })
      await shop.client(at).post('/login', { username: 'user', password: 'userpass' })
      const line = shop.lines().find(({ event }) => event === 'login.succeeded')!
      assert.deepEqual([line.address, line.userAgent], [address, agent])
      assert.equal((await client.get('/account/notices')).json.newDevices[0].ip, address ?? null)
      assert.equal((await client.get('/account/activity')).json.events[0].device, 'Chrome on Linux')
      const { dataDir } = shop
      const admin = await shop.signedIn(ADMIN)
      assert.equal((await admin.get('/admin/audit?userId=2&event=login')).json.events[0].address, address ?? null)
      if (kept === 'full') return
      const stored = ['shop.db', 'shop.db-wal', 'sessions.db', 'sessions.db-wal'].map((name) => readFileSync(join(dataDir, name), 'latin1'))
      for (const text of stored) assert.ok(!text.includes('198.51.100.77'))
    })
  }

  it('knows the network of every kind of address', () => {
    for (const [address, network] of [
      ['203.0.113.9', '203.0.113.0/24'],
      ['::ffff:203.0.113.9', '203.0.113.0/24'],
      ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
      ['2001:db8::1', '2001:db8:0::/48'],
      ['::1', '0:0:0::/48'],
      ['nonsense', undefined]
    ] as const)
      assert.equal(keptAddress(address, 'network'), network, address)
    assert.equal(keptAddress('203.0.113.9', 'none'), undefined)
    assert.equal(keptAddress('::ffff:203.0.113.9', 'full'), '203.0.113.9')
    assert.equal(keptAddress('x\n{}', 'full'), undefined)
  })

  it('forgets the audit log after its days, and what is too much', async () => {
    await using shop = await startShop()
    const rows = new AuditRepository(shop.db)
    const day = 86_400_000
    await rows.add([100, 91, 89, 1, 0].map((days) => ({ event: 'logout', at: Date.now() - days * day })))
    assert.equal(await rows.forget(90, 1_000), 2)
    assert.equal(await rows.forget(90, 1), 2)
    assert.equal((await rows.search({ limit: 10 })).length, 1)
  })
})

describe('GET /admin/audit', () => {
  async function found(admin: Client, query: string): Promise<any[]> {
    const { status, json, text } = await admin.get(`/admin/audit?${query}`)
    assert.equal(status, 200, text)
    return json.events
  }

  it('finds by event, user, session, address, request, text and time, the latest first, page by page', async () => {
    await using shop = await startShop({ TRUST_PROXY: 'loopback' })
    const admin = await shop.signedIn(ADMIN)
    const client = shop.client({ headers: { 'user-agent': CHROME, 'x-forwarded-for': '198.51.100.7' } })
    const answer = await client.post('/register', { username: 'found', email: 'found@example.com', password: PASSWORD })
    const { id } = answer.json.user
    const { sessionId } = (await client.get('/profile')).json.sessionInfo
    await client.get('/admin')
    const events = (rows: any[]) => rows.map(({ event }) => event)
    assert.deepEqual(events(await found(admin, `userId=${id}`)), ['access.denied', 'account.registered', 'session.created'])
    assert.deepEqual(events(await found(admin, 'event=account')), ['account.registered'])
    assert.deepEqual(events(await found(admin, 'event=account.registered&userId=1')), [])
    assert.deepEqual(events(await found(admin, `sessionId=${sessionId}`)), ['access.denied', 'account.registered', 'session.created'])
    assert.equal((await found(admin, 'address=198.51.100.7')).length, 3)
    assert.equal((await found(admin, 'text=chrome%2F140')).length, 3)
    assert.deepEqual(await found(admin, 'text=100%25_'), [])
    assert.equal((await found(admin, `requestId=${answer.headers.get('x-request-id')}`)).length, 2)
    const today = new Date().toISOString().slice(0, 10)
    assert.ok((await found(admin, `from=${today}&to=${today}`)).length >= 3)
    assert.deepEqual(await found(admin, 'to=2020-01-01'), [])
    assert.ok((await found(admin, 'event=&userId=&text=')).length >= 3)
    const all = await found(admin, 'limit=500')
    const paged: any[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: any = (await admin.get(`/admin/audit?limit=2${cursor && `&cursor=${cursor}`}`)).json
      assert.ok(page.events.length <= 2)
      paged.push(...page.events)
      cursor = page.nextCursor
    }
    assert.deepEqual(paged.slice(-all.length), all)
    assert.deepEqual(Object.keys(all[0]), [
      'id',
      'time',
      'event',
      'userId',
      'byUserId',
      'sessionId',
      'address',
      'userAgent',
      'requestId',
      'details'
    ])
    const html = await admin.get('/admin/audit?event=account', { accept: BROWSER_ACCEPT })
    assert.match(html.text, /account\.registered/)
    assert.doesNotMatch(html.text, /<th scope="row"[^>]*>access\.denied/)
  })

  it('refuses what cannot be looked for', async () => {
    await using shop = await startShop()
    const admin = await shop.signedIn(ADMIN)
    for (const [query, path] of [
      ['event=nonsense', 'event'],
      ['userId=x', 'userId'],
      ['from=yesterday', 'from'],
      ['to=2025-13-45', 'to'],
      ['limit=0', 'limit'],
      ['limit=501', 'limit'],
      ['cursor=x', 'cursor'],
      ['text=a&text=b', 'text'],
      [`text=${'x'.repeat(300)}`, 'text']
    ] as const) {
      const { status, json } = await admin.get(`/admin/audit?${query}`)
      assert.deepEqual([status, json.details?.[0].path], [400, path], query)
    }
  })
})
