import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SessionBackend } from '../../src/core/backend.ts'
import { supports } from '../../src/core/backend.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { startSweeping } from '../../src/monitor/sweeping.ts'
import { onSessionEnd } from '../../src/monitor/web-sockets.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { board, browser, listen, until } from './board.ts'

/** Stores at one place, each with a connection of its own; at another place when it is to be anew. */
export function freshly(place: () => string): (anew?: boolean) => SessionBackend {
  let url = ''
  return (anew = false) => {
    if (anew) url = place()
    return backendByUrl(url)
  }
}

/** The monitor on a store that two apps share, each with a connection of its own, who know of each other by the store alone. */
export function monitorSuite(name: string, makeStore: (anew?: boolean) => SessionBackend): void {
  describe(`the monitor on ${name}`, { timeout: 60_000 }, () => {
    it('adds up what two apps saw, and lists it', async () => {
      await using one = await board(makeStore(true))
      await using other = await board(makeStore())
      const [admin, visitor] = [browser(one.server), browser(other.server)]
      await admin.ask('POST', '/login/1')
      const handle = (await visitor.ask('POST', '/login/7')).json
      for (let n = 0; n < 3; n += 1) await visitor.ask('GET', '/')
      const here = browser(one.server)
      here.state.cookie = visitor.state.cookie
      for (let n = 0; n < 2; n += 1) await here.ask('GET', '/')
      for (const { seen } of [one, other]) await seen.flush()
      for (const app of [one, other]) {
        const looker = browser(app.server)
        looker.state.cookie = admin.state.cookie
        for (const order of ['seen', 'new', 'stored']) {
          const { sessions } = (await looker.ask('GET', `/admin/dashboard/api/sessions?order=${order}`)).json
          const row = sessions.find((row: { handle: string }) => row.handle === handle)
          assert.deepEqual([row?.userId, row?.pages], ['7', 6], `${order} ${JSON.stringify(sessions)}`)
        }
        const found = (await looker.ask('GET', '/admin/dashboard/api/sessions?q=7')).json.sessions
        assert.deepEqual([found.length, found[0].handle], [1, handle])
        const { hour, live } = (await looker.ask('GET', '/admin/dashboard/api/overview')).json
        assert.deepEqual([hour.totals.signIns, live.active5.users], [2, 2])
      }
    })

    it('tells an end to other apps within a second, whoever made it', async () => {
      await using one = await board(makeStore(true), { authorize: () => true })
      await using other = await board(makeStore(), { authorize: () => true })
      const admin = browser(one.server)
      await admin.ask('POST', '/login/1')
      for (const end of ['by the dashboard', 'by itself'] as const) {
        const visitor = browser(other.server)
        const handle = (await visitor.ask('POST', '/login/8')).json
        const feed = await listen(other.server, visitor.state.cookie)
        let endedAt = 0
        onSessionEnd(other.sessions, handle, () => (endedAt = performance.now()))
        await until(() => feed.told.length > 0)
        const there = browser(one.server)
        there.state.cookie = visitor.state.cookie
        const start = performance.now()
        if (end === 'by itself') await there.ask('POST', '/logout')
        else {
          const headers = { 'x-sessile-dashboard': '1', 'content-type': 'application/json' }
          assert.equal((await admin.ask('POST', '/admin/dashboard/api/act', headers, { action: 'end', handle })).status, 200)
        }
        await until(() => feed.state.ended && endedAt > 0)
        assert.ok(endedAt - start < 1000, `${end}: ${endedAt - start} ms`)
      }
    })

    it('tells of a session that ran out once, whichever app sweeps', async () => {
      await using one = await board(makeStore(true), { maxAge: 700 })
      await using other = await board(makeStore(), { maxAge: 700 })
      const told: string[] = []
      const handle = (await browser(one.server).ask('POST', '/login/9')).json
      await one.seen.flush()
      const sweepings = [one, other].map(({ sessions, seen }) => {
        sessions.on('expired', ({ handle }) => told.push(handle))
        return startSweeping(sessions, { every: '1h', activity: seen, onExpired: (handle) => told.push(handle) })
      })
      await until(async () => (await one.sessions.get(handle)) === undefined)
      // where activity tells it, it does so by the minute
      const clock = supports(one.sessions.backend, 'removeExpired') ? undefined : fakeClock()
      try {
        clock?.advance(130_000)
        for (let n = 0; n < 2; n += 1) for (const sweeping of sweepings) await sweeping.now()
        assert.deepEqual(told, [handle])
        const { totals } = await one.seen.analytics()
        assert.deepEqual(totals.ended, { expired: 1 })
      } finally {
        clock?.restore()
        for (const sweeping of sweepings) await sweeping.stop()
      }
    })
  })
}
