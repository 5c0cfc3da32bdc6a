import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { dashboard } from '../../src/monitor/dashboard.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { board, browser, listen, until } from './board.ts'

const BASE = '/admin/dashboard'
const ACT = { 'content-type': 'application/json', 'x-sessile-dashboard': '1', 'sec-fetch-site': 'same-origin' }

describe('the dashboard', () => {
  it('shows nothing to those who are not let in, whatever goes wrong', async () => {
    for (const authorize of [
      () => false,
      () => 'yes' as never,
      () => Promise.resolve(1 as never),
      () => Promise.reject(new Error('down'))
    ]) {
      await using app = await board(memoryStore(), { authorize })
      const admin = browser(app.server)
      await admin.ask('POST', '/login/1')
      for (const path of ['/', '/api/start', '/api/sessions', '/api/live', '/index.html', '/nothing']) {
        const answer = await admin.ask('GET', `${BASE}${path}`)
        assert.equal(answer.status, 403, path)
        assert.deepEqual(answer.json, { error: 'You may not look at the sessions.', code: 'forbidden' })
      }
      assert.equal((await admin.ask('POST', `${BASE}/api/act`, ACT, { action: 'end-everybody' })).status, 403)
    }
    const refused = (error: unknown) => isSessionError(error) && error.code === 'bad-option'
    await using app = await board(memoryStore())
    assert.throws(() => dashboard(app.sessions, {} as never), refused)
    assert.throws(() => dashboard(app.sessions, { authorize: () => true, titel: 'x' } as never), refused)
  })

  it('works under any path, with relative addresses and a strict policy', async () => {
    for (const mount of ['/', '/admin/dashboard', '/a/b/c']) {
      await using app = await board(memoryStore(), { mount, authorize: () => true })
      const base = mount === '/' ? '' : mount
      const visitor = browser(app.server)
      if (base !== '') {
        const moved = await visitor.ask('GET', base)
        assert.equal(moved.status, 308)
        assert.equal(moved.headers.location, `${base}/`)
        const page = await visitor.ask('GET', `${base}/`)
        assert.equal(page.status, 200)
        const policy = String(page.headers['content-security-policy'])
        assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/)
        assert.doesNotMatch(policy, /unsafe|\*|http/)
        const files = [...page.text.matchAll(/(?:src|href)="((?!data:)[^"]+)"/g)].map(([, file]) => file!)
        assert.equal(files.length, 2)
        for (const file of files) {
          assert.match(file, /^app-[0-9a-f]{12}\.(js|css)$/)
          const answer = await visitor.ask('GET', `${base}/${file}`, { 'accept-encoding': 'gzip' })
          assert.equal(answer.status, 200)
          assert.equal(answer.headers['content-encoding'], 'gzip')
          assert.match(answer.headers['cache-control']!, /immutable/)
        }
      }
      assert.equal((await visitor.ask('GET', `${base}/api/start`)).status, 200)
      assert.equal((await visitor.ask('GET', `${base}/api/toString`)).status, 404)
      assert.equal((await visitor.ask('PUT', `${base}/api/sessions`)).status, 405)
    }
  })

  it('never sends anybody to another host', async () => {
    await using app = await board(memoryStore(), { mount: '/', authorize: () => true })
    const { headers } = await browser(app.server).ask('GET', '//evil.example?x')
    assert.ok(headers.location === undefined || headers.location.startsWith('/evil.example/'))
  })

  for (const [name, make] of [
    ['memory', () => memoryStore()],
    ['SQLite', () => sqliteStore({ file: ':memory:' })]
  ] as const) {
    it(`shows sessions, users and events, and no id, value or cookie (${name})`, async () => {
      await using app = await board(make())
      const admin = browser(app.server)
      const own = (await admin.ask('POST', '/login/1')).json as string
      const guests = await Promise.all(
        Array.from({ length: 30 }, async (_, n) => {
          const guest = browser(app.server)
          const agent = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
          await guest.ask('GET', '/', agent)
          return { guest, handle: (await guest.ask('POST', `/login/${10 + (n % 3)}`, agent)).json as string }
        })
      )
      await app.seen.flush()
      const texts: string[] = []
      const get = async (path: string) => {
        const answer = await admin.ask('GET', `${BASE}/api/${path}`)
        assert.equal(answer.status, 200, `${path}: ${answer.text}`)
        texts.push(answer.text)
        return answer.json
      }
      const started = await get('start')
      assert.deepEqual([started.watched, started.handle, started.fresh], [true, own, true])
      const overview = await get('overview')
      assert.equal(overview.live.active5.users, 31)
      assert.equal(overview.stored.sessions, 31)
      assert.equal(overview.hour.totals.signIns, 31)
      assert.equal(overview.hour.points.length, 60)

      for (const order of ['seen', 'new', 'stored']) {
        const handles: string[] = []
        for (let cursor = ''; ;) {
          const page = await get(`sessions?order=${order}&limit=10&cursor=${cursor}`.replace(/&cursor=$/, ''))
          assert.ok(page.sessions.length <= 10)
          handles.push(...page.sessions.map(({ handle }: { handle: string }) => handle))
          if (page.next === undefined) break
          cursor = encodeURIComponent(page.next)
        }
        assert.deepEqual([...new Set(handles)].sort(), [own, ...guests.map(({ handle }) => handle)].sort(), order)
        assert.equal(handles.length, 31, order)
      }
      const seenLast = await get('sessions?order=seen')
      assert.equal(seenLast.sessions[0].handle, own)
      assert.equal(seenLast.sessions[0].current, true)
      assert.equal((await get('sessions?q=11')).sessions.length, 10)
      const { handle } = guests[0]!
      const [row] = (await get(`sessions?q=${handle}`)).sessions
      assert.equal(row.handle, handle)
      assert.equal(row.device, 'Firefox on Linux')
      assert.equal(row.pages, 2)

      const detail = await get(`session?handle=${handle}`)
      assert.deepEqual(
        detail.attributes.map(({ name, kind, value }: any) => [name, kind, value]),
        [
          ['views', 'number', undefined],
          ['theme', 'text, 4', '"dark"'],
          ['token', 'text, 20', undefined],
          ['cart', 'list, 1', undefined],
          ['userId', 'text, 2', undefined]
        ].filter(([name]) => detail.attributes.some((one: any) => one.name === name))
      )
      assert.equal(detail.others.length, 9)
      assert.deepEqual(
        detail.timeline.map(({ event }: any) => event),
        ['signed-in', 'renewed', 'created']
      )
      const users = await get('users')
      assert.deepEqual(users.users.map(({ userId, sessions }: any) => [userId, sessions]).sort(), [
        ['1', 1],
        ['10', 10],
        ['11', 10],
        ['12', 10]
      ])
      assert.equal((await get('user?user=10')).sessions.length, 10)
      const events = await get('events')
      const names = events.events.map(({ event }: any) => event)
      assert.deepEqual(
        ['created', 'renewed', 'signed-in'].map((name) => names.filter((one: string) => one === name).length),
        [31, 30, 31],
        names.join(' ')
      )
      assert.equal((await get('events?event=signed-in')).events.length, 31)
      const health = await get('health')
      assert.equal(health.reachable, true)

      const everything = texts.join('\n')
      assert.doesNotMatch(everything, /never-shown-anywhere/)
      for (const { guest } of guests) {
        const value = decodeURIComponent(guest.state.cookie.split('=')[1]!)
        assert.ok(!everything.includes(value.slice(2, 30)))
      }
      for (const bad of ['session?handle=nothing', 'session']) assert.equal((await admin.ask('GET', `${BASE}/api/${bad}`)).status, 404, bad)
      for (const bad of ['sessions?cursor=x', 'events?before=x', 'user'])
        assert.equal((await admin.ask('GET', `${BASE}/api/${bad}`)).status, 400, bad)
      assert.equal((await admin.ask('GET', `${BASE}/api/sessions?order=x`)).status, 501)
    })
  }

  it('ends one session, all of a user, all others, everybody, and notes who did it', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    const own = (await admin.ask('POST', '/login/1')).json as string
    const handles: string[] = []
    for (let n = 0; n < 12; n += 1) handles.push((await browser(app.server).ask('POST', `/login/${n < 6 ? 7 : 8}`)).json as string)
    const act = (body: object, headers: Record<string, string> = ACT) => admin.ask('POST', `${BASE}/api/act`, headers, body)

    assert.deepEqual((await act({ action: 'end', handle: handles[0] })).json, { ended: 1, more: false })
    assert.equal((await act({ action: 'end', handle: handles[0] })).status, 404)
    assert.deepEqual((await act({ action: 'end-user', userId: '7' })).json, { ended: 5, more: false })
    assert.deepEqual((await act({ action: 'end-others' })).json, { ended: 6, more: false })
    assert.ok(await app.sessions.get(own))
    for (const body of [{}, { action: 'end' }, { action: 'end-user', userId: '' }, { action: 'end-user' }, { action: 'drop' }])
      assert.equal((await act(body)).status, 400)
    for (const headers of [{}, { ...ACT, 'sec-fetch-site': 'cross-site' }, { 'content-type': 'text/plain' }])
      assert.equal((await act({ action: 'end-everybody' }, headers as Record<string, string>)).status, 403)
    assert.equal(app.audit.length, 3)
    assert.deepEqual({ ...app.audit[0], at: 0 }, { at: 0, action: 'end', ended: 1, session: own, handle: handles[0], by: '1' })
    await app.seen.flush()
    const { events } = (await admin.ask('GET', `${BASE}/api/events?event=admin`)).json
    assert.deepEqual(
      events.map(({ detail, by }: any) => [detail, by]),
      [
        ['end-others', '1'],
        ['end-user', '1'],
        ['end', '1']
      ]
    )
    assert.deepEqual((await act({ action: 'end-everybody' })).json, { ended: 1, more: false })
    assert.equal((await admin.ask('GET', `${BASE}/api/start`)).status, 403)
  })

  it('leaves out since when a session lives that express-session stored', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    const own = (await admin.ask('POST', '/login/1')).json as string
    const data = '{"cookie":{"originalMaxAge":3600000},"userId":"7"}'
    await app.sessions.backend.create('stored-by-express-session', { data, expiresAt: Date.now() + 3_600_000 })
    const { sessions } = (await admin.ask('GET', `${BASE}/api/sessions?order=stored`)).json
    const [known, older] = [sessions.find((one: any) => one.handle === own), sessions.find((one: any) => one.handle !== own)]
    assert.ok(known.createdAt <= Date.now())
    assert.deepEqual([older.userId, 'createdAt' in older, 'signedInAt' in older], ['7', false, false])
    const { session } = (await admin.ask('GET', `${BASE}/api/session?handle=${older.handle}`)).json
    assert.ok(!('createdAt' in session))
  })

  it('asks to confirm who one is before anything is ended', async () => {
    mock.timers.enable({ apis: ['Date'], now: Date.now() })
    try {
      await using app = await board(memoryStore())
      const admin = browser(app.server)
      await admin.ask('POST', '/login/1')
      mock.timers.tick(16 * 60_000)
      const refused = await admin.ask('POST', `${BASE}/api/act`, ACT, { action: 'end-everybody' })
      assert.equal(refused.status, 401)
      assert.equal(refused.json.code, 'reauthentication-required')
      assert.equal((await admin.ask('GET', `${BASE}/api/start`)).json.fresh, false)
      assert.deepEqual(app.audit, [])
    } finally {
      mock.timers.reset()
    }
  })
})

describe('the live feed', () => {
  it('tells what happens within a second or two, and catches up after a gap', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1')
    const first = await listen(app.server, admin.state.cookie)
    assert.equal(first.response.headers['content-type'], 'text/event-stream')
    await until(() => first.told.some(({ event }) => event === 'live'))
    await browser(app.server).ask('POST', '/login/7')
    await until(() => first.told.some(({ event, data }) => event === 'event' && data.event === 'signed-in' && data.userId === '7'))
    await until(() => first.told.findLast(({ event }) => event === 'live')!.data.active5.users === 2)
    const { id } = first.told.findLast(({ event }) => event === 'event')!
    first.close()
    for (let n = 0; n < 20; n += 1) await browser(app.server).ask('POST', '/login/8')
    const second = await listen(app.server, admin.state.cookie, { 'last-event-id': id })
    const missed = () => second.told.filter(({ event, data }) => event === 'event' && data.event === 'signed-in')
    await until(() => missed().length >= 20)
    assert.equal(missed().length, 20)
    const ids = second.told.filter(({ event }) => event === 'event').map(({ id }) => Number(id))
    assert.deepEqual(
      ids,
      [...ids].sort((one, other) => one - other)
    )
    assert.ok(ids[0]! > Number(id))
    second.close()

    // more than is sent at once: the page is told to load all anew
    for (let n = 0; n < 900; n += 1) app.seen.history.note({ at: Date.now(), event: 'refused', detail: 'x' })
    const third = await listen(app.server, admin.state.cookie, { 'last-event-id': '0' })
    await until(() => third.told.some(({ event }) => event === 'gap'))
    third.close()
    // a number that the store has not reached is one of another store
    const fourth = await listen(app.server, admin.state.cookie, { 'last-event-id': '999999999' })
    await until(() => fourth.told.some(({ event }) => event === 'gap'))
    fourth.close()
  })

  it('ends with the session of whoever looks', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    const handle = (await admin.ask('POST', '/login/1')).json as string
    const feed = await listen(app.server, admin.state.cookie)
    await until(() => feed.told.length > 0)
    const start = Date.now()
    await app.sessions.revoke(handle)
    await until(() => feed.state.ended, 1000)
    assert.ok(Date.now() - start < 1000)
    assert.equal(feed.told.at(-1)!.event, 'ended')
  })

  it('has room for so many pages, and lets go of one that does not read', async () => {
    await using app = await board(memoryStore(), { maxClients: 20 })
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1')
    const feeds = await Promise.all(Array.from({ length: 20 }, () => listen(app.server, admin.state.cookie)))
    assert.ok(feeds.every(({ status }) => status === 200))
    const over = await listen(app.server, admin.state.cookie)
    assert.equal(over.status, 503)
    assert.equal(over.response.headers['retry-after'], '30')
    // one does not read while much happens; the others hear it all
    const slow = feeds[0]!
    slow.response.pause()
    const big = 'x'.repeat(2000)
    for (let round = 0; round < 40 && !slow.response.destroyed; round += 1) {
      for (let n = 0; n < 250; n += 1) app.seen.history.note({ at: Date.now(), event: 'refused', detail: big, handle: big })
      const before = feeds[1]!.told.length
      await until(() => feeds[1]!.told.length >= before + 250)
      if (app.router.clients < 20) break
    }
    assert.equal(app.router.clients, 19)
    for (const feed of feeds) feed.close()
    await until(() => app.router.clients === 0)
  })
})
