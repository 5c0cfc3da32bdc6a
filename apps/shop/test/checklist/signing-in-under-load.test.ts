import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { type Client, PASSWORD, registered, startShop, type TestShop } from '../helpers.ts'

const IN_FLIGHT = 50
const ROUNDS = 3

/** Every store that a URL names; `undefined` is the default, a SQLite file. */
const stores: [string, string | undefined][] = [
  ['memory', 'memory:'],
  ['sqlite', undefined]
]
for (const kind of ['redis', 'redis-cluster', 'mongo', 'postgres'] as const) {
  const server = await serverFor(`signing in under load, sessions in ${kind}`, kind)
  if (server) {
    stores.push([kind, kind === 'redis-cluster' ? `redis+cluster://${server.urls.map((one) => new URL(one).host).join(',')}` : server.url])
  }
}

for (const [name, url] of stores) {
  describe(`item 28: signing in while ${IN_FLIGHT} requests of the session are in flight, sessions in ${name}`, () => {
    let shop: TestShop
    let user: { readonly username: string; readonly client: Client }
    before(async () => {
      shop = await startShop({ STORE_URL: url })
      user = await registered(shop)
    })
    after(() => shop.close())

    it('loses nothing that was answered for, and leaves the old id dead', async () => {
      for (let round = 0; round < ROUNDS; round++) {
        await user.client.delete('/cart')
        const guest = shop.client()
        await guest.get('/')
        await guest.get('/')
        await guest.post('/cart/add', { productId: 1 })
        const before = guest.copy()
        const windows = Array.from({ length: IN_FLIGHT }, () => before.copy())
        const ask = (window: Client, i: number) => (i % 2 ? window.get('/') : window.post('/cart/add', { productId: 2 }))
        // Between them, not before or after: some are answered already, some not even read.
        const [early, login, late] = await Promise.all([
          Promise.all(windows.slice(0, IN_FLIGHT / 2).map(ask)),
          guest.post('/login', { username: user.username, password: PASSWORD }),
          Promise.all(windows.slice(IN_FLIGHT / 2).map(ask))
        ])
        assert.equal(login.status, 200, login.text)
        const answers = [...early, ...late]
        for (const { status, text } of answers) assert.ok(status === 200 || status === 401, text)

        // Whoever came when the old id was dead is a new visitor, and was given a cookie of his own.
        const own = answers.filter(
          ({ status }, i) => status === 200 && windows[i]!.cookies.get('sessionId') === before.cookies.get('sessionId')
        )
        const counted = own.filter(({ json }) => json.views !== undefined).length
        const added = own.filter(({ json }) => json.cart !== undefined).length
        assert.equal((await guest.get('/')).json.views, 2 + counted + 1)
        const { items } = (await guest.get('/cart')).json.cart
        const pieces = Object.fromEntries(items.map(({ productId, quantity }: any) => [productId, quantity]))
        assert.deepEqual(pieces, { 1: 1, ...(added > 0 && { 2: added }) })
        assert.equal((await before.copy().get('/profile')).status, 401)
        assert.equal((await before.copy().get('/session-info')).json.sessionData, null)
        assert.equal((await guest.get('/profile')).json.user.username, user.username)
        const live = (await guest.get('/account/sessions')).json.sessions
        assert.equal(live.length, round + 2)
      }
    })
  })
}
