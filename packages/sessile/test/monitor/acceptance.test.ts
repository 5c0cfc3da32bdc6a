// What the best views of sessions show and do, by the numbers under which that was collected.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import * as client from 'prom-client'
import { metrics } from '../../src/monitor/metrics.ts'
import type { Alert } from '../../src/monitor/alerts.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { board, browser, until } from './board.ts'
import { listen } from './board.ts'

const API = '/admin/dashboard/api'
const ACT = { 'x-sessile-dashboard': '1', 'content-type': 'application/json' }
const UA = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'

describe('E: what a monitor shows and does', () => {
  it('E1: live counts of users and guests, pages by node, ends by their kind', async () => {
    await using app = await board(memoryStore(), { watch: { node: 'node-1' } })
    const [admin, guest, leaver] = [browser(app.server), browser(app.server), browser(app.server)]
    await admin.ask('POST', '/login/1')
    await guest.ask('GET', '/')
    await leaver.ask('POST', '/login/5')
    await leaver.ask('POST', '/logout')
    await app.seen.flush()
    const { live, hour } = (await admin.ask('GET', `${API}/overview`)).json
    assert.deepEqual(
      [live.active5, live.active30],
      [
        { users: 1, guests: 1 },
        { users: 1, guests: 1 }
      ]
    )
    assert.equal(hour.totals.ended.destroyed, 1)
    assert.ok(hour.totals.nodes['node-1'] >= 3)
    assert.equal(hour.points.at(-1).ended + hour.points.at(-2).ended, 1)
  })

  it('E2: a row says who, by what device, from where, since and until when', async () => {
    await using app = await board(memoryStore(), { watch: { addresses: 'truncated' } })
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1', { 'user-agent': UA, 'x-forwarded-for': '198.51.100.7' })
    await app.seen.flush()
    const { sessions, next } = (await admin.ask('GET', `${API}/sessions?q=1`, { 'user-agent': UA, 'x-forwarded-for': '198.51.100.7' })).json
    const [row] = sessions
    assert.deepEqual(
      [row.userId, row.current, row.device, row.deviceClass, row.address, row.mustConfirm, next],
      ['1', true, 'Chrome on Linux', 'desktop', '198.51.100.0/24', false, undefined]
    )
    assert.ok(row.size > 20 && row.signedInAt > 0 && row.lastSeenAt >= row.signedInAt - 1000 && row.idleExpiresAt > Date.now())
  })

  it('E3: attributes by name, values of allowed ones alone, what happened, the other sessions of the user', async () => {
    await using app = await board(memoryStore(), { authorize: () => true })
    const [one, other] = [browser(app.server), browser(app.server)]
    const handle = (await one.ask('POST', '/login/7')).json
    const second = (await other.ask('POST', '/login/7')).json
    await app.seen.flush()
    const { attributes, timeline, others } = (await one.ask('GET', `${API}/session?handle=${handle}`)).json
    const byName = Object.fromEntries(attributes.map(({ name, value }: { name: string; value?: string }) => [name, value]))
    assert.deepEqual([byName.theme, 'token' in byName, byName.token], ['"dark"', true, undefined])
    assert.ok(timeline.some(({ event }: { event: string }) => event === 'signed-in'))
    assert.deepEqual(
      others.map((row: { handle: string }) => row.handle),
      [second]
    )
  })

  it('E4: a session is extended, and its user asked to confirm who he is, for who is fresh, and noted', async () => {
    await using app = await board(memoryStore(), { maxAge: 600_000 })
    const [admin, user] = [browser(app.server), browser(app.server)]
    await admin.ask('POST', '/login/1')
    const handle = (await user.ask('POST', '/login/7')).json
    const act = (action: string, of = handle) => admin.ask('POST', `${API}/act`, ACT, { action, handle: of })

    assert.ok((await app.sessions.get(handle))!.expiresAt < Date.now() + 700_000)
    assert.deepEqual((await act('extend')).json, { ended: 0, changed: 1, more: false })
    assert.ok((await app.sessions.get(handle))!.expiresAt > Date.now() + 3_500_000)

    assert.equal((await user.ask('GET', '/fresh')).status, 200)
    assert.equal((await act('ask-to-confirm')).status, 200)
    assert.equal((await app.sessions.get(handle))!.mustConfirm, true)
    const refused = await user.ask('GET', '/fresh')
    assert.deepEqual([refused.status, refused.json.code], [401, 'reauthentication-required'])
    assert.equal((await user.ask('GET', '/')).status, 200)
    await new Promise((resolve) => setTimeout(resolve, 2))
    await user.ask('POST', '/confirm')
    assert.equal((await user.ask('GET', '/fresh')).status, 200)

    for (const action of ['extend', 'ask-to-confirm']) assert.equal((await act(action, 'nobody')).status, 404)
    assert.deepEqual(
      app.audit.map(({ action, ended, by }) => [action, ended, by]),
      [
        ['extend', 0, '1'],
        ['ask-to-confirm', 0, '1']
      ]
    )
  })

  it('E5: durations, pages, bounces, sign-ins, refusals, devices and marks of the app, without an id', async () => {
    await using app = await board(memoryStore(), { watch: { marks: ['ordered'] } })
    const [admin, short, long] = [browser(app.server), browser(app.server), browser(app.server)]
    await admin.ask('POST', '/login/1')
    await short.ask('POST', '/login/5', { 'user-agent': UA })
    await app.sessions.revokeAll('5')
    await long.ask('GET', '/', { 'user-agent': UA })
    await long.ask('POST', '/login/6', { 'user-agent': UA })
    await long.ask('GET', '/private', { 'user-agent': UA })
    await app.sessions.revokeAll('6')
    app.seen.count('ordered', 2)
    await app.seen.flush()
    const { text, json } = await admin.ask('GET', `${API}/overview`)
    const { totals } = json.hour
    assert.deepEqual(
      [totals.signIns, totals.refused, totals.marks, totals.ended],
      [3, { unauthenticated: 1 }, { ordered: 2 }, { revoked: 2 }]
    )
    assert.deepEqual([totals.duration.count, totals.bounced, totals.devices.desktop], [2, 1, 2])
    for (const { state } of [admin, short, long]) assert.ok(!text.includes(state.cookie.split('=')[1]!.slice(4, 30)))
  })

  it('E6: the store’s latency and errors, merges, and uses of ids that are unknown or dead', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1')
    const old = browser(app.server)
    await old.ask('GET', '/')
    const dead = browser(app.server)
    dead.state.cookie = old.state.cookie
    await old.ask('POST', '/login/9')
    await dead.ask('GET', '/fresh')
    await app.seen.flush()
    const { totals } = (await admin.ask('GET', `${API}/overview`)).json.hour
    assert.deepEqual([totals.unknownIds, totals.retiredIds, totals.storeErrors], [1, 1, 0])
    const health = (await admin.ask('GET', `${API}/health`)).json
    assert.deepEqual([health.reachable, health.breaker, health.errors, health.merged], [true, 'closed', 0, 0])
  })

  it('E7: Prometheus with bounded labels, JSON, and a feed that ends with its session', async () => {
    await using app = await board(memoryStore())
    const register = new client.Registry()
    const stop = metrics({ sessions: app.sessions, client, register })
    const admin = browser(app.server)
    const handle = (await admin.ask('POST', '/login/1')).json
    const feed = await listen(app.server, admin.state.cookie)
    await until(() => feed.told.length > 0)
    await app.sessions.revoke(handle)
    await until(() => feed.state.ended, 1000)
    assert.equal(feed.told.at(-1)!.event, 'ended')
    const text = await register.metrics()
    assert.match(text, /^sessile_sessions_ended_total\{reason="revoked"\} 1$/m)
    assert.ok(!text.includes(handle))
    stop()
  })

  it('E8: a user’s own devices: all of his, the present one, and the others ended', async () => {
    await using app = await board(memoryStore())
    const [here, there] = [browser(app.server), browser(app.server)]
    const handle = (await here.ask('POST', '/login/7', { 'user-agent': UA })).json
    await there.ask('POST', '/login/7')
    const rows = await app.seen.list(await app.sessions.of('7'))
    assert.deepEqual([rows.length, rows.find(({ sessionId }) => sessionId === handle)!.userAgent], [2, UA])
    assert.equal(await app.sessions.revokeAll('7', { except: handle }), 1)
    assert.equal((await there.ask('GET', '/fresh')).status, 401)
    assert.equal((await here.ask('GET', '/fresh')).status, 200)
  })

  it('E9: what is out of the ordinary is told once: to a function, a webhook, and among the events', async () => {
    const sent: Alert[] = []
    const hook = http.createServer(async (req, res) => {
      let text = ''
      for await (const chunk of req.setEncoding('utf8') as AsyncIterable<string>) text += chunk
      sent.push(JSON.parse(text))
      res.end()
    })
    await once(hook.listen(0, '127.0.0.1'), 'listening')
    const webhook = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`
    const told: Alert[] = []
    const alerts = { unknownIds: 2, refusals: 2, sessionsPerUser: 2, onAlert: (alert: Alert) => told.push(alert), webhook }
    await using app = await board(memoryStore(), { watch: { alerts, addresses: 'full' } })
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1')
    const user = browser(app.server)
    const handle = (await user.ask('POST', '/login/7', { 'x-forwarded-for': '198.51.100.7' })).json
    await user.ask('GET', '/', { 'x-forwarded-for': '198.51.100.9' })
    await app.seen.flush()
    assert.equal(told.length, 0)
    await user.ask('GET', '/', { 'x-forwarded-for': '203.0.113.5' })
    for (let n = 0; n < 3; n += 1) await browser(app.server).ask('POST', '/login/8')
    const stale = browser(app.server)
    await stale.ask('GET', '/')
    await app.sessions.revoke((await stale.ask('GET', '/')).json)
    const cookie = stale.state.cookie
    for (let n = 0; n < 3; n += 1) {
      stale.state.cookie = cookie
      await stale.ask('GET', '/private')
    }
    for (let n = 0; n < 3; n += 1) await app.seen.flush()
    const kinds = ['networks', 'refusals', 'sessions-per-user', 'unknown-ids']
    assert.deepEqual(told.map(({ kind }) => kind).sort(), kinds)
    assert.deepEqual(
      [told.find(({ kind }) => kind === 'networks')!.handle, told.find(({ kind }) => kind === 'sessions-per-user')!.userId],
      [handle, '8']
    )
    await until(() => sent.length === 4)
    const { events } = (await admin.ask('GET', `${API}/events?event=alert`)).json
    assert.deepEqual(events.map(({ detail }: { detail: string }) => detail).sort(), kinds)
    const { totals } = (await admin.ask('GET', `${API}/overview`)).json.hour
    assert.equal(totals.alerts['unknown-ids'], 1)
    hook.close()
    hook.closeAllConnections()
  })

  it('E8: “that was not me”: the sign-in is told, all sessions end, and old cookies are worth nothing', async () => {
    await using app = await board(memoryStore())
    const [owner, thief, admin] = [browser(app.server), browser(app.server), browser(app.server)]
    await admin.ask('POST', '/login/1')
    await owner.ask('POST', '/login/7', { 'user-agent': UA })
    const theirs = (await thief.ask('POST', '/login/7')).json
    await app.seen.flush()
    const { json } = await admin.ask('GET', `${API}/user?user=7`)
    // the sign-in that was not his is told
    assert.ok(json.timeline.some(({ event, handle }: { event: string; handle: string }) => event === 'signed-in' && handle === theirs))
    assert.equal(await app.sessions.revokeAll('7'), 2)
    for (const one of [owner, thief]) assert.equal((await one.ask('GET', '/fresh')).status, 401)
    assert.deepEqual(await app.sessions.of('7'), [])
    assert.equal((await owner.ask('POST', '/login/7')).status, 200)
    assert.equal((await owner.ask('GET', '/fresh')).status, 200)
  })

  it('E9: a store whose calls fail is told of', async () => {
    const told: Alert[] = []
    const store = memoryStore()
    const state = { down: false }
    const read = store.read.bind(store)
    store.read = (key) => (state.down ? Promise.reject(new Error('down')) : read(key))
    // what is watched has room in the store that works
    const watch = { space: store.space!('activity'), alerts: { storeErrors: 2, onAlert: (alert: Alert) => told.push(alert) } }
    await using app = await board(store, { watch })
    const user = browser(app.server)
    await user.ask('GET', '/')
    state.down = true
    for (let n = 0; n < 3; n += 1) await user.ask('GET', '/')
    state.down = false
    await until(() => told.length > 0)
    const [{ kind, limit, count }] = told as [Alert]
    assert.deepEqual([kind, limit, count >= 3], ['store-errors', 2, true])
  })

  it('E10: what is kept of addresses, whose wish not to be followed counts, export and erasure', async () => {
    await using app = await board(memoryStore(), { watch: { addresses: 'truncated' } })
    const [open, shy] = [browser(app.server), browser(app.server)]
    await open.ask('POST', '/login/7', { 'x-forwarded-for': '198.51.100.7', 'user-agent': UA })
    await shy.ask('POST', '/login/8', { 'x-forwarded-for': '198.51.100.7', 'user-agent': UA, 'sec-gpc': '1' })
    await app.seen.flush()
    const [seen, unseen] = [(await app.seen.exportUser('7')).sessions[0]!, (await app.seen.exportUser('8')).sessions[0]!]
    assert.deepEqual([seen.ip, seen.userAgent, unseen.ip, unseen.userAgent], ['198.51.100.0/24', UA, undefined, undefined])
    const erased = await app.seen.eraseUser('7')
    assert.equal(erased.sessions, 1)
    const left = await app.seen.exportUser('7')
    assert.deepEqual([left.sessions[0]!.ip, left.sessions[0]!.userId, left.events], [undefined, undefined, []])
  })
})
