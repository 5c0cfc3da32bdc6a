import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ADMIN, BROWSER_ACCEPT, type Client, PASSWORD, registered, startShop, type TestShop, USER } from '../helpers.ts'

const PAGE = { accept: BROWSER_ACCEPT }

let shop: TestShop
before(async () => {
  shop = await startShop()
})
after(() => shop.close())

/** Every page that links lead to, with what it answered. */
async function crawl(client: Client, from: readonly string[]): Promise<Map<string, string>> {
  const pages = new Map<string, string>()
  const next = [...from]
  for (let path = next.shift(); path !== undefined; path = next.shift()) {
    if (pages.has(path)) continue
    const { status, text, headers } = await client.get(path, PAGE)
    if (status !== 200 || !headers.get('content-type')!.startsWith('text/html')) continue
    pages.set(path, text)
    for (const [, href] of text.matchAll(/href="(\/[^"#]*)/g)) next.push(href!.replaceAll('&amp;', '&'))
  }
  return pages
}

/** Addresses that programs ask, which no link leads to. */
const FOR_PROGRAMS = ['/products', '/products/1', '/session-info', '/profile', '/orders/1', '/account/sessions', '/account/notices']

describe('item 37: when a session is over one signs in again', () => {
  it('whatever other cookies the browser has', async () => {
    const { client, username } = await registered(shop)
    const names = [...client.cookies.keys()]
    assert.deepEqual(names.sort(), ['device', 'sessionId'])
    await shop.sessions.revokeAll((await client.get('/profile')).json.user.id)
    const later = client.copy()
    later.cookies.delete('sessionId')
    for (const who of [client, later]) {
      assert.equal((await who.get('/profile')).status, 401)
      const page = await who.get('/account', PAGE)
      assert.deepEqual([page.status, page.headers.get('location')], [303, '/login?next=%2Faccount'])
    }
    assert.equal((await later.post('/login', { username, password: PASSWORD })).status, 200)
  })
})

describe('item 43: signing out', () => {
  it('is a form on every page of who is signed in, an administrator too', async () => {
    for (const who of [USER, ADMIN]) {
      const pages = await crawl(await shop.signedIn(who), ['/'])
      assert.ok(pages.size > 10, String(pages.size))
      for (const [path, text] of pages) {
        // The package's own page, which knows nothing of how an app signs out.
        if (path.startsWith('/admin/dashboard')) continue
        assert.match(text, /<form method="post" action="\/logout">/, path)
      }
    }
  })

  it('is not done by GET, whoever has it sent', async () => {
    const user = await shop.signedIn()
    for (const headers of [{}, PAGE, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }]) {
      assert.equal((await user.get('/logout', headers)).status, 405)
      assert.equal((await user.send('HEAD', '/logout', undefined, headers)).status, 405)
    }
    assert.equal((await user.get('/profile')).status, 200)
  })
})

it('item 45: signing out clears what the browser kept, with and without a session', async () => {
  for (const client of [await shop.signedIn(), shop.client()]) {
    for (const ask of [() => client.post('/logout'), () => client.form('/logout', {})]) {
      assert.match((await ask()).headers.get('clear-site-data')!, /"cache".*"storage"/)
    }
  }
})

describe('item 65: GET and HEAD change nothing', () => {
  /** What the shop knows, but for its log, and for how often somebody looked (`views`, the seed's) and when. */
  async function state(): Promise<string> {
    const tables = [
      'users',
      'products',
      'carts',
      'cartLines',
      'settledCarts',
      'orders',
      'orderLines',
      'idempotencyKeys',
      'devices'
    ] as const
    const rows = await Promise.all(tables.map((table) => shop.db.selectFrom(table).selectAll().execute()))
    const { sessions } = await shop.sessions.scan({ limit: 1000 })
    const kept = sessions.map(({ handle, userId, attributes: { views: _, flash: __, ...rest } }) => ({ handle, userId, rest }))
    return JSON.stringify([rows, kept.sort((one, other) => (one.handle < other.handle ? -1 : 1))])
  }

  it('on every page that links lead to, and every address for programs', async () => {
    const guest = shop.client()
    await guest.post('/cart/add', { productId: 1 })
    const user = await shop.signedIn()
    await user.post('/cart/add', { productId: 2 })
    await user.post('/checkout')
    const admin = await shop.signedIn(ADMIN)
    for (const [client, least] of [
      [guest, 5],
      [user, 10],
      [admin, 12]
    ] as const) {
      // What a first visit makes up for (an admin's new id, a cart that was not merged yet) is done once.
      await crawl(client, ['/'])
      const before = await state()
      const paths = [...(await crawl(client, ['/', ...FOR_PROGRAMS])).keys()]
      assert.ok(paths.length >= least, String(paths.length))
      for (const path of [...paths, ...FOR_PROGRAMS]) {
        for (const method of ['GET', 'HEAD']) assert.ok((await client.send(method, path)).status < 500, path)
      }
      assert.equal(await state(), before)
    }
  })
})
