import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { copyAt } from '../concurrency/shops.ts'
import { ADMIN, type Client, registered, startProcess, startShop, temporaryFolder, type TestShop } from '../helpers.ts'

interface Heard {
  readonly event: string
  readonly data: { readonly items?: number; readonly revision?: string }
}

/** An open window: what it hears, and whether the stream is over. */
class Window {
  readonly #events: Heard[] = []
  readonly #response: Response
  #wake: () => void = () => {}
  isOver = false

  static async open(client: Client): Promise<Window> {
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Window(await fetch(`${client.url}/cart/events`, { headers: cookie ? { cookie } : {} }))
  }

  constructor(response: Response) {
    this.#response = response
    if (response.status === 200) void this.#read()
  }

  get status(): number {
    return this.#response.status
  }
  get headers(): Headers {
    return this.#response.headers
  }

  /** The next event of this name that holds; what comes before it is skipped. */
  async next(event: string, holds: (data: Heard['data']) => boolean = () => true): Promise<Heard['data']> {
    for (;;) {
      const heard = this.#events.shift()
      if (heard?.event === event && holds(heard.data)) return heard.data
      if (heard) continue
      assert.ok(!this.isOver, `the stream ended before ${event}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async over(): Promise<void> {
    while (!this.isOver)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
  }

  async close(): Promise<void> {
    await this.#reader?.cancel()
  }

  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  async #read(): Promise<void> {
    this.#reader = this.#response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>
    const decoder = new TextDecoder()
    let text = ''
    try {
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (done) break
        text += decoder.decode(value, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) {
          const parts = /^event: (\S+)\ndata: (.*)$/m.exec(block)
          if (parts) this.#events.push({ event: parts[1]!, data: JSON.parse(parts[2]!) })
        }
        this.#wake()
      }
    } catch {
      // Cut off: over as well.
    }
    this.isOver = true
    this.#wake()
  }
}

describe('the windows of a session', { timeout: 60_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let shops: TestShop[]
  before(async () => {
    folder = await temporaryFolder()
    shops = []
    for (let i = 0; i < 2; i++) shops.push(await startShop({ DATA_DIR: folder.path }))
  })
  after(async () => {
    for (const shop of shops) await shop.close()
    await folder.remove()
  })
  const add = (client: Client, productId: number) => client.post('/cart/add', { productId })

  for (const who of ['guest', 'user'] as const) {
    for (const where of [0, 1] as const) {
      it(`hear of a change within a second, made by ${where === 0 ? 'this' : 'another'} process (${who})`, async () => {
        const client = who === 'user' ? (await registered(shops[0]!)).client : shops[0]!.client()
        await add(client, 2)
        const window = await Window.open(client)
        assert.equal((await window.next('cart')).items, 1)
        for (let items = 2; items <= 4; items++) {
          await add(copyAt(client, shops[where]!.url), 2)
          const changed = performance.now()
          const { revision } = await window.next('cart', (data) => data.items === items)
          assert.ok(performance.now() - changed < 1_000)
          const page = await client.get('/cart', { accept: 'text/html' })
          assert.ok(page.text.includes(`data-revision="${revision}"`))
        }
        await window.close()
      })
    }
  }

  it('begin no session, and are told by 204 not to ask again without one', async () => {
    const window = await Window.open(shops[0]!.client())
    assert.deepEqual([window.status, window.headers.getSetCookie()], [204, []])
    const page = await shops[0]!.client().get('/', { accept: 'text/html' })
    assert.doesNotMatch(page.text, /data-live/)
  })

  for (const [how, end] of [
    ['by signing out', async (client: Client) => void (await client.post('/logout'))],
    ['by signing in', async (client: Client) => void (await client.post('/login', ADMIN))],
    [
      'by an administrator, through another process',
      async (_client: Client, handle: string) => void (await shops[1]!.sessions.revoke(handle))
    ]
  ] as const) {
    it(`end with the session, ${how}`, async () => {
      const client = shops[0]!.client()
      await add(client, 2)
      const { sessionId } = (await client.get('/session-info')).json
      const window = await Window.open(client)
      await window.next('cart')
      await end(client, sessionId)
      await window.next('ended')
      await window.over()
    })
  }

  it('go on when the id is renewed', async () => {
    const { client, password } = await registered(shops[0]!)
    await add(client, 2)
    const window = await Window.open(client)
    await window.next('cart')
    await client.post('/account/reauthenticate', { password })
    await add(client, 2)
    assert.equal((await window.next('cart', ({ items }) => items === 2)).items, 2)
    await window.close()
  })

  it('are four at most, the oldest making room', async () => {
    const client = shops[0]!.client()
    await add(client, 2)
    const windows: Window[] = []
    for (let i = 0; i < 5; i++) windows.push(await Window.open(client))
    await windows[0]!.next('replaced')
    await windows[0]!.over()
    await add(client, 2)
    for (const window of windows.slice(1)) await window.next('cart', ({ items }) => items === 2)
    for (const window of windows) await window.close()
  })

  it('keep nothing alive: a session ends by its time though it is watched', async () => {
    const client = shops[0]!.client()
    await add(client, 2)
    const { sessionId } = (await client.get('/session-info')).json
    const window = await Window.open(client)
    await window.next('cart')
    const { expiresAt } = (await shops[0]!.sessions.get(sessionId))!
    await wait(1_200)
    assert.equal((await shops[0]!.sessions.get(sessionId))!.expiresAt, expiresAt)
    await window.close()
  })

  it('end when the process is asked to end, which exits with 0 at once', async () => {
    await using temporary = await temporaryFolder()
    await using shop = await startProcess({ DATA_DIR: temporary.path })
    const client = shop.client()
    await add(client, 2)
    const window = await Window.open(client)
    await window.next('cart')
    const asked = performance.now()
    assert.equal(await shop.end('SIGTERM'), 0)
    assert.ok(performance.now() - asked < 3_000)
    await window.over()
  })
})
