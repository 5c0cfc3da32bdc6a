import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import session from 'sessile'
import { activity, dashboard, type DashboardOptions } from 'sessile/monitor'

type Visit = { signIn(user: string, data?: object): Promise<void>; signOut(): Promise<void> } & Record<string, unknown>

/** A small app with a dashboard: whoever is user 1 may look. */
export async function startApp(
  store: Parameters<typeof session>[0] extends infer O ? (O extends { store?: infer S } ? S : never) : never,
  more: { mount?: string; watched?: boolean; options?: Partial<DashboardOptions> } = {}
) {
  const { mount = '/admin/dashboard', watched = true, options } = more
  const sessions = session({
    secret: 'a secret of more than 32 characters',
    name: 'sid',
    store,
    resave: false,
    saveUninitialized: false,
    hashIds: true,
    lifetimes: { anonymous: { idle: '7d' }, signedIn: { idle: '30m', absolute: '8h' } }
  })
  const seen = activity({ sessions, flushEvery: 200, addresses: 'truncated', marks: ['cart-begun', 'ordered'], node: 'one' })
  const app = express()
  app.set('trust proxy', 'loopback')
  app.use(sessions, seen)
  const of = (req: express.Request) => req.session as unknown as Visit
  app.get('/', (req, res) => {
    of(req)['views'] = Number(of(req)['views'] ?? 0) + 1
    res.send('<!doctype html><title>Home</title>')
  })
  app.get('/login/:user', async (req, res) => {
    await of(req).signIn(String(req.params.user), { theme: 'dark', cart: [1, 2], token: 'not-for-your-eyes' })
    res.send('<!doctype html><title>In</title>')
  })
  app.get('/favicon.ico', (_req, res) => {
    res.status(204).end()
  })
  app.get('/private', (_req, res) => {
    res.status(401).end()
  })
  const board = dashboard(sessions, {
    authorize: (req) => sessions.describe(req)?.userId === '1',
    confirmPath: '/confirm',
    appPath: '/',
    show: ['theme'],
    ...(watched ? { activity: seen } : {}),
    ...options
  })
  app.use(mount, board)
  const server: Server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    mount,
    sessions,
    seen,
    board,
    /** As a proxy that is restarted. */
    dropConnections: () => server.closeAllConnections(),
    async close() {
      board.close()
      server.close()
      server.closeAllConnections()
      await seen.close()
      await sessions.close()
    }
  }
}

export const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0',
  'curl/8.5.0'
]

/** Some visitors, a few of them signed in. @returns the cookie of each */
export async function visitors(url: string, number: number): Promise<string[]> {
  return Promise.all(
    Array.from({ length: number }, async (_, n) => {
      const headers = { 'user-agent': AGENTS[n % AGENTS.length]!, 'x-forwarded-for': `198.51.${n % 100}.7` }
      const first = await fetch(`${url}/`, { headers })
      let cookie = first.headers.getSetCookie()[0]!.split(';')[0]!
      if (n % 3 === 0) {
        const signedIn = await fetch(`${url}/login/${100 + (n % 7)}`, { headers: { ...headers, cookie } })
        cookie = signedIn.headers.getSetCookie()[0]!.split(';')[0]!
      }
      for (let more = 0; more < n % 4; more += 1) await fetch(`${url}/`, { headers: { ...headers, cookie } })
      if (n % 5 === 0) await fetch(`${url}/private`, { headers: { ...headers, cookie } })
      return cookie
    })
  )
}
