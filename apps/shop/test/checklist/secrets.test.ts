import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type Answer, BROWSER_ACCEPT, Client, startProcess, temporaryFolder } from '../helpers.ts'

/** Where a secret was looked for. */
type Place = 'log' | 'audit log' | 'metrics' | 'answers' | 'files'

/** What a run used that must be nowhere else, and what a run said. */
class Run {
  readonly secrets = new Map<string, ReadonlySet<Place>>()
  readonly answers: string[] = []

  /** @param allowed places in which it belongs */
  secret(text: string, ...allowed: Place[]): string {
    assert.ok(text.length >= 8, text)
    this.secrets.set(text, new Set(allowed))
    return text
  }

  client(url: string): Client {
    return new Watched(this, url)
  }

  hear({ text, headers }: Answer): void {
    const others = [...headers].filter(([name]) => name !== 'set-cookie')
    this.answers.push(`${JSON.stringify(others)}\n${text}`)
    for (const line of headers.getSetCookie()) {
      const value = /^[^=]+=([^;]*)/.exec(line)![1]!
      if (value === '') continue
      const decoded = decodeURIComponent(value)
      for (const form of [value, decoded]) this.secret(form)
      // The id alone, without its signature, is worth something to whoever has the secret.
      if (decoded.startsWith('s:')) this.secret(decoded.slice(2).split('.')[0]!)
    }
  }

  /** Every secret that is where it must not be. */
  found(places: Readonly<Record<Place, string>>): string[] {
    return [...this.secrets].flatMap(([secret, allowed]) =>
      Object.entries(places)
        .filter(([place, text]) => !allowed.has(place as Place) && text.includes(secret))
        .map(([place]) => `${secret} in ${place}`)
    )
  }
}

class Watched extends Client {
  readonly #run: Run

  constructor(run: Run, url: string) {
    super(url, {
      headers: { 'x-forwarded-proto': 'https', 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
    })
    this.#run = run
  }

  override async send(...request: Parameters<Client['send']>): Promise<Answer> {
    const answer = await super.send(...request)
    this.#run.hear(answer)
    return answer
  }
}

describe('item 103: the secrets of a whole run', () => {
  it('are in no log, metric, error, page or file', { timeout: 120_000 }, async () => {
    await using folder = await temporaryFolder()
    const run = new Run()
    const sessionSecret = run.secret('rQ7-session-secret-of-this-run-and-no-other')
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const { port } = free.address() as { port: number }
    free.close()
    await once(free, 'close')
    const shop = await startProcess({
      DATA_DIR: folder.path,
      NODE_ENV: 'production',
      SESSION_SECRET: sessionSecret,
      TRUST_PROXY: '1',
      METRICS_PORT: String(port),
      AUDIT_LOG: join(folder.path, 'audit.log')
    })
    // Printed, once, to whoever starts the shop: that is what it is for.
    const setup = run.secret(/within 24 hours:\n\n {4}(\S+)\n/.exec(shop.output())![1]!, 'log')

    const [first, second, third, fourth, typo] = [
      'amber walrus drums at noon',
      'brass otter hums by night',
      'coral heron sings at dusk',
      'dusty lynx naps till four',
      'ember vole trips on stairs'
    ].map((text) => run.secret(text)) as [string, string, string, string, string]
    const page = { accept: BROWSER_ACCEPT }
    const owner = run.client(shop.url)
    const key = run.secret('idempotency-key-of-this-run', 'files')

    // A guest with a cart registers by form, fails with everything that can be failed with, and succeeds.
    await owner.post('/cart/add', { productId: 2 })
    await owner.get('/', page)
    await owner.form('/register', { username: 'x', email: 'nobody', password: typo })
    await owner.form('/register', { username: 'owner', email: 'owner@example.com', password: first, next: '/cart' })
    await owner.post('/register', { username: 'owner', email: 'other@example.com', password: typo })
    await owner.post('/checkout', undefined, { 'idempotency-key': key })
    await owner.post('/admin/setup', { secret: typo })
    await owner.post('/admin/setup', { secret: setup })
    await owner.post('/login', { username: typo, password: typo })
    await owner.post('/login', { username: 'owner', password: typo })
    await owner.form('/login', { username: 'owner', password: typo })
    await owner.post('/login', `{"username":"owner","password":"${typo}`, { 'content-type': 'application/json' })
    await owner.form('/account/password', { currentPassword: typo, newPassword: typo })
    await owner.form('/account/password', { currentPassword: first, newPassword: 'short' })
    await owner.post('/account/password', { currentPassword: first, newPassword: second })
    await owner.form('/account/email', { email: 'nobody', currentPassword: second })
    await owner.post('/account/email', { email: 'new@example.com', currentPassword: second })
    await owner.post('/account/reauthenticate', { password: second })

    // A second device, which is disowned; a new password; a user who comes and goes.
    const stranger = run.client(shop.url)
    await stranger.post('/login', { username: 'new@example.com', password: second })
    const { deviceId } = (await owner.get('/account/notices')).json.newDevices[0]
    await owner.post(`/account/devices/${deviceId}/disown`)
    await stranger.get('/profile')
    await owner.form('/account/new-password', { currentPassword: second, newPassword: third })
    const guest = run.client(shop.url)
    await guest.post('/register', { username: 'guest.1', email: 'guest@example.com', password: fourth })
    await owner.post('/admin/users/2/disable')
    await guest.post('/login', { username: 'guest.1', password: fourth })
    await owner.post('/admin/users/2/enable')
    await guest.post('/login', { username: 'guest.1', password: fourth })
    await guest.send('DELETE', '/account', { currentPassword: fourth })

    // Ids of the past and ids that never were, in every place where somebody might put one.
    const id = decodeURIComponent(owner.cookies.get('__Host-sessionId')!)
    const thief = run.client(shop.url)
    for (const path of [
      `/?sid=${id}`,
      `/orders/${encodeURIComponent(id)}`,
      `/account/sessions/${encodeURIComponent(id)}`,
      `/${encodeURIComponent(id)}`
    ])
      await thief.get(path)
    await thief.post('/cart/add', { productId: id }, { 'x-session-id': id })
    for (const path of [
      '/',
      '/cart',
      '/account',
      '/account/activity',
      '/orders',
      '/admin/dashboard/',
      '/admin/users',
      '/admin/audit',
      '/admin/audit?limit=500'
    ]) {
      for (const accept of ['application/json', BROWSER_ACCEPT]) assert.equal((await owner.get(path, { accept })).status, 200, path)
    }
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    await owner.post('/logout')
    assert.equal(await shop.end(), 0)

    const names = readdirSync(folder.path).filter((name) => statSync(join(folder.path, name)).isFile())
    const read = (name: string) => readFileSync(join(folder.path, name), 'latin1')
    assert.ok(names.includes('shop.db') && names.includes('sessions.db') && names.includes('audit.log'), names.join())
    assert.ok(run.secrets.size > 30 && run.answers.length > 50, `${run.secrets.size} secrets, ${run.answers.length} answers`)
    assert.deepEqual(
      run.found({
        log: shop.output(),
        'audit log': read('audit.log'),
        metrics,
        answers: run.answers.join('\n'),
        files: names
          .filter((name) => name !== 'audit.log')
          .map(read)
          .join('\n')
      }),
      []
    )
  })
})
