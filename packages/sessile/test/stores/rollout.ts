import { strict as assert } from 'node:assert'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, before, describe, it } from 'node:test'
import originalSession from 'express-session'
import { session } from '../../src/entries/index.ts'
import { serve, type Server } from '../serve.ts'

type Data = Record<string, unknown>
type Request = IncomingMessage & {
  session: Data & { destroy(done: () => void): void; update(change: (draft: Data) => void): Promise<void> }
}
type Middleware = (req: never, res: never, next: (error?: unknown) => void) => void

/** Two stores on the same records: an older package's and one of ours, each as for a process of its own. */
export interface Rollout {
  readonly name: string
  older(): object
  ours(): object
}

const OPTIONS = { secret: 'teal lantern', resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }

/** An old express-session process beside one of ours on the same records, as while an app is rolled out; and our store under both. */
export function rolloutSuite({ name, older, ours }: Rollout): void {
  describe(`${name}: old and new side by side`, () => {
    let arrived: (() => void) | undefined
    let gate: Promise<void> | undefined
    const servers: Server[] = []
    const apps: Record<'old' | 'new' | 'stock', Server> = {} as never

    /** /set?a=1 sets attributes, /slow?a=1 does so when the gate opens, /add counts, /end ends, / reads. */
    async function start(middleware: unknown): Promise<Server> {
      const listener = (req: Request, res: ServerResponse): void => {
        ;(middleware as Middleware)(req as never, res as never, (error) => void (error ? fail(res, error) : answer(req, res)))
      }
      const server = await serve(listener as never)
      servers.push(server)
      return server
    }
    async function answer(req: Request, res: ServerResponse): Promise<void> {
      const { pathname, searchParams } = new URL(req.url!, 'http://localhost')
      if (pathname === '/slow') {
        arrived!()
        await gate
      }
      if (pathname === '/add') await req.session.update((draft) => (draft['sum'] = Number(draft['sum'] ?? 0) + 1))
      if (pathname === '/end') await new Promise<void>((done) => req.session.destroy(done))
      else Object.assign(req.session, Object.fromEntries(searchParams))
      res.setHeader('content-type', 'application/json')
      const { cookie: _, lastModified: _stamp, ...data } = { ...req.session }
      res.end(JSON.stringify(data))
    }
    function fail(res: ServerResponse, error: unknown): void {
      res.statusCode = 500
      res.end(String(error))
    }
    async function ask(app: keyof typeof apps, path: string, cookie?: string): Promise<{ data: Data; cookie: string }> {
      const { status, json, headers, text } = await apps[app].ask('GET', path, cookie ? { cookie } : {})
      assert.equal(status, 200, text)
      return { data: json as Data, cookie: headers['set-cookie']?.[0]?.split(';')[0] ?? cookie ?? '' }
    }
    /** A request that has loaded its session and waits to go on. */
    async function slow(app: keyof typeof apps, path: string, cookie: string): Promise<() => Promise<unknown>> {
      let open: (() => void) | undefined
      gate = new Promise((resolve) => (open = resolve))
      const here = new Promise<void>((resolve) => (arrived = resolve))
      const done = ask(app, path, cookie)
      await here
      return () => (open!(), done)
    }

    before(async () => {
      apps.old = await start(originalSession({ ...OPTIONS, store: older() as never }))
      apps.new = await start(session({ ...OPTIONS, store: ours() as never }))
      apps.stock = await start(originalSession({ ...OPTIONS, store: ours() as never }))
    })
    after(() => Promise.all(servers.map((server) => server[Symbol.asyncDispose]())))

    it('a session goes from one to the other and back', async () => {
      const { cookie } = await ask('old', '/set?a=1')
      for (const app of ['new', 'old', 'stock', 'new', 'stock', 'old'] as const) {
        assert.equal((await ask(app, '/', cookie)).data['a'], '1', app)
        const mark = `${app}-was-here`
        await ask(app, `/set?${mark}=1`, cookie)
        for (const other of ['old', 'new', 'stock'] as const)
          assert.equal((await ask(other, '/', cookie)).data[mark], '1', `${app}, ${other}`)
      }
      const { cookie: second } = await ask('new', '/set?b=2')
      assert.deepEqual((await ask('old', '/', second)).data['b'], '2')
      await ask('old', '/end', second)
      for (const app of ['old', 'new', 'stock'] as const) assert.equal((await ask(app, '/', second)).data['b'], undefined)
    })

    for (const app of ['new', 'stock'] as const) {
      it(`${app === 'new' ? 'ours' : 'our store under express-session'}: what the old one wrote meanwhile stays, and so does ours`, async () => {
        const { cookie } = await ask('old', '/set?a=1')
        for (let round = 0; round < 5; round++) {
          const goOn = await slow(app, `/slow?mine=${round}`, cookie)
          await ask('old', `/set?theirs=${round}`, cookie)
          await goOn()
          const { data } = await ask('old', '/', cookie)
          assert.deepEqual([data['a'], data['mine'], data['theirs']], ['1', `${round}`, `${round}`])
        }
      })

      it(`${app === 'new' ? 'ours' : 'our store under express-session'}: what the old one ended meanwhile stays ended`, async () => {
        const { cookie } = await ask('old', '/set?a=1')
        const goOn = await slow(app, '/slow?mine=1', cookie)
        await ask('old', '/end', cookie)
        await goOn()
        for (const other of ['old', 'new', 'stock'] as const) assert.deepEqual((await ask(other, '/', cookie)).data, {})
      })
    }

    it('none of our updates is lost while the old one touches the session all the time', async () => {
      const { cookie } = await ask('old', '/set?a=1')
      const done = new AbortController()
      const touching = (async () => {
        while (!done.signal.aborted) await ask('old', '/', cookie)
      })()
      try {
        for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 10 }, () => ask('new', '/add', cookie)))
      } finally {
        done.abort()
        await touching
      }
      assert.equal((await ask('old', '/', cookie)).data['sum'], 50)
      assert.equal((await ask('new', '/', cookie)).data['sum'], 50)
    })
  })
}
