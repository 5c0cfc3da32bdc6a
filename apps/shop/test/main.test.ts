import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ADMIN, PASSWORD, runProcess, startProcess, temporaryFolder, USER } from './helpers.ts'

describe('main', () => {
  it('keeps users, sessions and stock over a restart, and ends with 0', async () => {
    await using folder = await temporaryFolder()
    const env = { DATA_DIR: folder.path }
    const first = await startProcess(env)
    const client = await first.signedIn(ADMIN)
    await client.post('/cart/add', { productId: 1, quantity: 2 })
    await client.post('/checkout')
    assert.equal(await first.end('SIGTERM'), 0)

    const second = await startProcess({ ...env, PORT: new URL(first.url).port })
    assert.equal(second.url, first.url)
    assert.equal((await client.get('/profile')).status, 200)
    assert.equal((await client.get('/products')).json.products[0].stock, 8)
    assert.equal(await second.end('SIGINT'), 0)
  })

  it('answers what is in flight before it ends, under load', async () => {
    await using folder = await temporaryFolder()
    const shop = await startProcess({ DATA_DIR: folder.path })
    const client = shop.client()
    await client.get('/')
    let counted = 0
    let broken = 0
    let ending = false
    const worker = async () => {
      for (;;) {
        try {
          const answer = await client.copy().get('/')
          assert.equal(answer.status, 200)
          counted++
        } catch (error) {
          // A connection refused is one that was never taken; one cut off in the middle would be lost work.
          if (!/ECONNREFUSED|ECONNRESET|other side closed/.test(String((error as Error).cause))) broken++
          return
        }
        if (counted === 100 && !ending) {
          ending = true
          shop.child.kill('SIGTERM')
        }
      }
    }
    const started = performance.now()
    const ended = once(shop.child, 'exit')
    await Promise.all(Array.from({ length: 20 }, worker))
    const [status] = await ended
    assert.equal(status, 0)
    assert.ok(performance.now() - started < 10_000)
    assert.equal(broken, 0)

    const again = await startProcess({ DATA_DIR: folder.path })
    const returning = again.client()
    returning.cookies.set('sessionId', client.cookies.get('sessionId')!)
    // Every view that was acknowledged is there; at most those were counted that nobody heard of.
    const { views } = (await returning.get('/')).json
    assert.ok(views >= counted + 2 && views <= counted + 2 + 20, `${views} views, ${counted} acknowledged`)
    await again.end()
  })

  it('ends soon although a client never finishes its request', async () => {
    await using folder = await temporaryFolder()
    const shop = await startProcess({ DATA_DIR: folder.path })
    const { port } = new URL(shop.url)
    const { connect } = await import('node:net')
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
    await once(socket, 'connect')
    await shop.client().get('/healthz')
    const started = performance.now()
    assert.equal(await shop.end('SIGTERM'), 0)
    assert.ok(performance.now() - started < 10_000)
  })

  it('says in a sentence that its port is taken', async () => {
    await using folder = await temporaryFolder()
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const { status, output } = await runProcess({ DATA_DIR: folder.path, PORT: String(port) })
    taken.close()
    assert.equal(status, 1)
    assert.match(output, new RegExp(`^Port ${port} at 127.0.0.1 is in use already.*\\n$`))
  })

  it('says in a sentence what else is wrong', async () => {
    await using folder = await temporaryFolder()
    const wrong: [Record<string, string>, RegExp][] = [
      [{ NODE_ENV: 'production' }, /SESSION_SECRET is required/],
      [{ PORT: 'http' }, /^PORT must be a whole number/],
      [{ STORE_URL: 'carrier-pigeon://loft' }, /carrier-pigeon|store/i],
      [{ DATABASE_URL: 'mysql://localhost/x' }, /^.*DATABASE_URL must begin with/],
      [{ HOST: '203.0.113.1' }, /HOST is no address of this machine/]
    ]
    for (const [env, sentence] of wrong) {
      const { status, output } = await runProcess({ DATA_DIR: folder.path, PORT: '0', ...env })
      assert.equal(status, 1, JSON.stringify(env))
      assert.match(output, sentence)
      assert.doesNotMatch(output, /^ +at /m, 'a stack')
    }
  })

  it('has no demo users in production, nor where others reach it', async () => {
    for (const env of [{ NODE_ENV: 'production', SESSION_SECRET: 'a secret that is long enough to be one' }, { HOST: '0.0.0.0' }]) {
      await using folder = await temporaryFolder()
      await using shop = await startProcess({ DATA_DIR: folder.path, ...env })
      const url = shop.url.replace('0.0.0.0', '127.0.0.1')
      for (const user of [ADMIN, USER]) {
        const answer = await fetch(`${url}/login`, {
          method: 'POST',
          body: JSON.stringify(user),
          headers: { 'content-type': 'application/json' }
        })
        assert.equal(answer.status, 401)
      }
    }
  })

  it('warns of demo users that a production database still has, and of a weak secret', async () => {
    await using folder = await temporaryFolder()
    await (await startProcess({ DATA_DIR: folder.path })).end()
    await using shop = await startProcess({ DATA_DIR: folder.path, NODE_ENV: 'production', SESSION_SECRET: 'keyboard cat' })
    for (const warning of [/^Warning: SESSION_SECRET/m, /^Warning: Everybody knows the password of the user admin/m]) {
      assert.match(shop.output(), warning)
    }
  })

  it('logs sign-ins and refusals in production: a line each, JSON, with the session by its handle and nothing secret', async () => {
    await using folder = await temporaryFolder()
    const env = {
      DATA_DIR: folder.path,
      NODE_ENV: 'production',
      SESSION_SECRET: 'a secret that is long enough to be one',
      TRUST_PROXY: '1'
    }
    const shop = await startProcess(env)
    const client = shop.client({ headers: { 'x-forwarded-proto': 'https', 'user-agent': 'curl\u0009{"event":"signed-in"}' } })
    await client.post('/register', { username: 'logged', email: 'logged@example.com', password: PASSWORD })
    const { sessionId } = (await client.get('/profile')).json.sessionInfo
    await client.post('/login', { username: 'x\n{"event":"signed-in"}', password: 'a wrong one' })
    const cookie = decodeURIComponent(client.cookies.get('__Host-sessionId')!)
    await client.post('/logout')
    await shop.end()
    const lines = shop
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ event }) => event).filter((event) => event !== 'session.touched'),
      ['session.created', 'account.registered', 'login.failed', 'logout', 'session.destroyed']
    )
    for (const { time, level } of lines) assert.deepEqual([new Date(time).toISOString() === time, level], [true, 'info'])
    const [registered, failed] = ['account.registered', 'login.failed'].map((event) => lines.find((line) => line.event === event))
    assert.deepEqual([registered.session, registered.userId, registered.address], [sessionId, 1, '127.0.0.1'])
    // About nobody, since nobody has that name; by whoever was signed in there.
    assert.deepEqual(
      [failed.userId, failed.byUserId, failed.session, failed.details],
      [undefined, 1, sessionId, { reason: 'no-such-user' }]
    )
    for (const secret of [cookie.slice(2, 34), PASSWORD, 'a wrong one']) assert.ok(!shop.output().includes(secret))
  })

  it('prints a secret for the first administrator at its first start in production, once, and stores but a hash of it', async () => {
    await using folder = await temporaryFolder()
    const env = {
      DATA_DIR: folder.path,
      NODE_ENV: 'production',
      SESSION_SECRET: 'a secret that is long enough to be one',
      TRUST_PROXY: '1'
    }
    const secretOf = (output: string) => /within 24 hours:\n\n {4}([\w-]{32})\n/.exec(output)?.[1]
    const shop = await startProcess(env)
    const secret = secretOf(shop.output())!
    assert.ok(secret, shop.output())
    const stored = readdirSync(folder.path).map((name) => readFileSync(join(folder.path, name), 'latin1'))
    assert.ok(!stored.join('').includes(secret))
    await shop.end()

    await using again = await startProcess(env)
    assert.equal(secretOf(again.output()), undefined)
    const client = again.client({ headers: { 'x-forwarded-proto': 'https' } })
    await client.post('/register', { username: 'owner', email: 'owner@example.com', password: PASSWORD })
    assert.equal((await client.post('/admin/setup', { secret })).status, 200)
    assert.equal((await client.get('/admin')).status, 200)
  })

  it('has secure cookies with a __Host- name in production, behind a proxy that is trusted', async () => {
    await using folder = await temporaryFolder()
    const env = { DATA_DIR: folder.path, NODE_ENV: 'production', SESSION_SECRET: 'a secret that is long enough to be one' }
    await using shop = await startProcess({ ...env, TRUST_PROXY: '1' })
    const { headers } = await shop.client({ headers: { 'x-forwarded-proto': 'https' } }).get('/')
    assert.match(headers.get('set-cookie')!, /^__Host-sessionId=s%3A[^;]+; Path=\/; Expires=[^;]+; HttpOnly; Secure; SameSite=Strict$/)
    assert.equal((await shop.client().get('/')).headers.get('set-cookie'), null)
    await using trusting = await startProcess(env)
    assert.equal((await trusting.client({ headers: { 'x-forwarded-proto': 'https' } }).get('/')).headers.get('set-cookie'), null)
  })

  it('believes X-Forwarded-For only of a proxy that is trusted', async () => {
    await using folder = await temporaryFolder()
    for (const [trust, ip] of [
      [undefined, '127.0.0.1'],
      ['1', '198.51.100.7']
    ] as const) {
      await using shop = await startProcess({ DATA_DIR: folder.path, TRUST_PROXY: trust })
      const client = shop.client({ headers: { 'x-forwarded-for': '198.51.100.7' } })
      await client.get('/')
      assert.equal((await client.get('/session-info')).json.sessionData.ip.replace('::ffff:', ''), ip)
      await shop.end()
    }
  })

  it('accepts cookies of an older secret that is still listed, and none of one that is not', async () => {
    await using folder = await temporaryFolder()
    const start = (SESSION_SECRET: string) => startProcess({ DATA_DIR: folder.path, SESSION_SECRET })
    const before = await start('the first of all the secrets there are')
    const client = await before.signedIn()
    await before.end()
    const both = await start('the second of all the secrets there are,the first of all the secrets there are')
    const returning = both.client()
    returning.cookies.set('sessionId', client.cookies.get('sessionId')!)
    assert.equal((await returning.get('/profile')).status, 200)
    await both.end()
    const afterwards = await start('the second of all the secrets there are')
    const old = afterwards.client()
    old.cookies.set('sessionId', client.cookies.get('sessionId')!)
    assert.equal((await old.get('/profile')).status, 401)
    await afterwards.end()
  })

  it("serves metrics on a port of their own, open, and then not on the shop's", async () => {
    await using folder = await temporaryFolder()
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as { port: number }
    free.close()
    await once(free, 'close')
    await using shop = await startProcess({ DATA_DIR: folder.path, METRICS_PORT: String(port) })
    const metrics = await fetch(`http://127.0.0.1:${port}/metrics`)
    assert.equal(metrics.status, 200)
    assert.match(await metrics.text(), /sessile_sessions_active/)
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
    assert.equal((await (await shop.signedIn(ADMIN)).get('/metrics')).status, 404)
  })

  it('stores and logs nothing that signs anybody in', async () => {
    await using folder = await temporaryFolder()
    const shop = await startProcess({ DATA_DIR: folder.path })
    const client = await shop.signedIn(ADMIN)
    await client.post('/login', { username: 'admin', password: 'hunter2 hunter2 hunter2' })
    const id = decodeURIComponent(client.cookies.get('sessionId')!).slice(2, 34)
    await shop.end()
    const stored = readdirSync(folder.path)
      .filter((name) => name !== 'session-secret')
      .map((name) => readFileSync(join(folder.path, name), 'latin1'))
      .join('')
    for (const secret of [id, ADMIN.password, 'hunter2', client.cookies.get('device')!]) {
      assert.ok(secret.length > 5)
      assert.ok(!stored.includes(secret))
      assert.ok(!shop.output().includes(secret))
    }
  })
})
