import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { handleOf, newId } from '../../src/core/ids.ts'
import { session } from '../../src/express/factory.ts'
import { activity } from '../../src/monitor/activity.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { OLDER_STORES } from './older-stores.ts'
import { folder, SECRET, start, until } from './running.ts'

/** Starts it, and waits for its address. */
async function begin(t: TestContext, url: string, env?: Record<string, string>) {
  const { child, printed } = start(['dashboard', url], env)
  t.after(() => child.kill('SIGKILL'))
  await until(() => {
    assert.equal(child.exitCode, null, printed.stderr)
    return /token=[\w-]+\s/.test(printed.stdout)
  })
  const address = new URL(/http:\S+/.exec(printed.stdout)![0])
  return { child, address, origin: address.origin }
}

const statusOf = async (address: string | URL, init?: RequestInit) => (await fetch(address, { redirect: 'manual', ...init })).status

/** What the browser keeps that comes with the token. */
async function entered(address: URL): Promise<{ cookie: string }> {
  const answer = await fetch(address, { redirect: 'manual' })
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/'])
  const [set] = answer.headers.getSetCookie()
  assert.match(set!, /HttpOnly; SameSite=Strict/)
  return { cookie: set!.split(';')[0]! }
}

it('is refused to everybody but the one browser that came with the token', async (t) => {
  const url = `sqlite:${folder.path('a.db')}`
  const backend = backendByUrl(url)
  await backend.open!()
  await backend.close!()
  const { child, address, origin } = await begin(t, url)
  assert.equal(address.hostname, '127.0.0.1')
  for (const path of ['/', '/api/start', '/api/sessions', '/?token=guess']) assert.equal(await statusOf(origin + path), 403)
  const headers = await entered(address)
  assert.equal(await statusOf(address), 403, 'the token worked twice')
  assert.equal(await statusOf(`${origin}/`, { headers }), 200)
  assert.equal(await statusOf(`${origin}/api/start`, { headers }), 200)
  // a name of somebody else's that was pointed to this machine
  const asked = request({
    host: '127.0.0.1',
    port: address.port,
    path: '/api/start',
    headers: { ...headers, host: `evil.test:${address.port}` }
  })
  asked.end()
  const [answer] = await once(asked, 'response')
  answer.resume()
  assert.equal(answer.statusCode, 403)
  child.kill('SIGINT')
  assert.deepEqual(await once(child, 'exit'), [0, null])
})

describe('sessions that express-session stored are listed, found, shown and ended', () => {
  for (const [name, open] of Object.entries(OLDER_STORES)) {
    it(`by ${name}`, async (t) => {
      const store = await open(t)
      if (!store) return
      const ids = Array.from({ length: 6 }, newId)
      for (const [place, id] of ids.entries()) await store.set(id, place < 2 ? { userId: 7, cart: [1, 2] } : { views: 1 })
      const handles = ids.map((id) => handleOf(id, SECRET))
      const { address, origin } = await begin(t, store.url, { ...store.env, SESSION_SECRET: SECRET })
      const headers = { ...(await entered(address)), 'x-sessile-dashboard': '1', 'content-type': 'application/json' }
      const ask = async (path: string): Promise<any> => (await fetch(`${origin}/api/${path}`, { headers })).json()
      const act = async (action: object): Promise<any> =>
        (await fetch(`${origin}/api/act`, { method: 'POST', headers, body: JSON.stringify(action) })).json()
      assert.equal((await ask('start')).watched, false)
      const list = await ask('sessions')
      assert.deepEqual(list.sessions.map(({ handle }: any) => handle).sort(), [...handles].sort())
      assert.ok(list.sessions.every((row: any) => !('createdAt' in row) && row.idleExpiresAt > Date.now()))
      for (const id of ids) assert.ok(!JSON.stringify(list).includes(id))
      assert.equal((await ask('sessions?q=7')).sessions.length, 2)
      assert.deepEqual((await ask('users')).users, [{ userId: '7', sessions: 2 }])
      const detail = await ask(`session?handle=${handles[0]}`)
      assert.deepEqual([detail.session.userId, detail.others.length], ['7', 1])
      assert.deepEqual(
        detail.attributes.find(({ name }: any) => name === 'cart'),
        { name: 'cart', kind: 'list, 2' }
      )
      assert.equal((await act({ action: 'end', handle: handles[5]! })).ended, 1)
      assert.ok(!(await store.get(ids[5]!)))
      assert.equal((await act({ action: 'end-user', userId: '7' })).ended, 2)
      assert.equal((await ask('overview')).stored.sessions, 3)
      assert.deepEqual(await act({ action: 'end-everybody' }), { ended: 3, more: false })
      for (const id of ids) assert.ok(!(await store.get(id)))
    })
  }
})

it('has charts and events where the app watches its sessions on that store, known by its secret', async (t) => {
  const url = `sqlite:${folder.path('watched.db')}`
  const sessions = session({ secret: SECRET, store: url, resave: false, saveUninitialized: true })
  const seen = activity({ sessions, node: 'the app' })
  const app = createServer((req, res) => sessions(req as never, res as never, () => seen(req as never, res as never, () => res.end('ok'))))
  t.after(async () => {
    app.close()
    await seen.close()
    await sessions.close()
  })
  await once(app.listen(0, '127.0.0.1'), 'listening')
  for (let n = 0; n < 3; n += 1) await (await fetch(`http://127.0.0.1:${(app.address() as AddressInfo).port}/`)).text()
  await seen.flush()
  const { address, origin } = await begin(t, url, { SESSION_SECRET: `${SECRET},an older one` })
  const headers = await entered(address)
  const ask = async (path: string): Promise<any> => (await fetch(`${origin}/api/${path}`, { headers })).json()
  assert.equal((await ask('start')).watched, true)
  const { live, hour } = await ask('overview')
  assert.deepEqual([live.active5.guests, hour.totals.started, hour.totals.nodes], [3, 3, { 'the app': 3 }])
  const seenLast = await ask('sessions?order=seen')
  assert.deepEqual([seenLast.sessions.length, seenLast.sessions[0].pages], [3, 1])
  // without the secret handles are other ones, and what was seen belongs to none
  const unknown = await begin(t, url)
  const cookie = await entered(unknown.address)
  assert.equal(((await (await fetch(`${unknown.origin}/api/start`, { headers: cookie })).json()) as any).watched, false)
})
