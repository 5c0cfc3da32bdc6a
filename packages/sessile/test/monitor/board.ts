import http from 'node:http'
import express from 'express'
import { once } from 'node:events'
import { session } from '../../src/express/factory.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { activity } from '../../src/monitor/activity.ts'
import type { ActivityOptions } from '../../src/monitor/options.ts'
import { requireFresh } from '../../src/security/guards.ts'
import { dashboard } from '../../src/monitor/dashboard.ts'
import type { DashboardAudit, DashboardOptions } from '../../src/monitor/dashboard-options.ts'
import { serve, type Server } from '../serve.ts'

export const SECRET = 'a secret of more than 32 characters'

interface Visit {
  signIn(user: string, data?: object): Promise<void>
  signOut(): Promise<void>
  views?: number
}

/** An app with a dashboard, whose user 1 may look. */
export async function board(
  store: SessionBackend,
  {
    mount = '/admin/dashboard',
    maxAge = 3_600_000,
    watch,
    ...options
  }: Partial<DashboardOptions> & { mount?: string; maxAge?: number; watch?: Partial<ActivityOptions> } = {}
) {
  const audit: DashboardAudit[] = []
  const sessions = session({ secret: SECRET, store, resave: false, saveUninitialized: false, hashIds: true, cookie: { maxAge } })
  const seen = activity({ sessions, flushEvery: 50, ...watch })
  const app = express()
  app.set('trust proxy', 'loopback')
  app.use(sessions, seen)
  const of = (req: express.Request) => (req as unknown as { session: Visit }).session
  app.get('/', (req, res) => {
    of(req).views = (of(req).views ?? 0) + 1
    res.json(sessions.describe(req)!.handle)
  })
  app.post('/login/:user', async (req, res) => {
    await of(req).signIn(String(req.params.user), { theme: 'dark', token: 'never-shown-anywhere', cart: [1] })
    res.json(sessions.describe(req)!.handle)
  })
  app.get('/fresh', requireFresh('15m', { sessions }), (_req, res) => res.json({}))
  app.post('/confirm', async (req, res) => {
    await sessions.confirm(req)
    res.json({})
  })
  app.get('/private', (_req, res) => {
    res.status(401).json({})
  })
  app.post('/logout', async (req, res) => {
    await of(req).signOut()
    res.json({})
  })
  const router = dashboard(sessions, {
    activity: seen,
    authorize: (req) => sessions.describe(req)?.userId === '1',
    show: ['theme'],
    audit: (entry) => audit.push(entry),
    ...options
  })
  app.use(mount, router)
  const server = await serve(app)
  return {
    server,
    sessions,
    seen,
    router,
    audit,
    async [Symbol.asyncDispose]() {
      router.close()
      await server[Symbol.asyncDispose]()
      await seen.close()
      await sessions.close()
    }
  }
}

/** One browser: keeps its cookie. */
export function browser(server: Server) {
  const state = { cookie: '' }
  return {
    state,
    async ask(method: string, path: string, headers: Record<string, string> = {}, body?: unknown) {
      const all = { ...(state.cookie === '' ? {} : { cookie: state.cookie }), ...headers }
      const request = http.request({ port: server.port, host: '127.0.0.1', method, path, headers: all, agent: false })
      request.end(body === undefined ? undefined : JSON.stringify(body))
      const [response] = (await once(request, 'response')) as [http.IncomingMessage]
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      for (const one of response.headers['set-cookie'] ?? []) state.cookie = one.split(';')[0]!
      const isJson = response.headers['content-type']?.startsWith('application/json')
      return { status: response.statusCode!, headers: response.headers, text, json: (isJson ? JSON.parse(text) : undefined) as any }
    }
  }
}

export interface Told {
  readonly event: string
  readonly id: string
  readonly data: any
}

/** Listens to the live feed. */
export async function listen(server: Server, cookie: string, headers: Record<string, string> = {}, mount = '/admin/dashboard') {
  const request = http.request({
    port: server.port,
    host: '127.0.0.1',
    path: `${mount}/api/live`,
    headers: { cookie, ...headers },
    agent: false
  })
  request.end()
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const told: Told[] = []
  const state = { ended: false }
  let rest = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    rest += chunk
    for (let at = rest.indexOf('\n\n'); at >= 0; at = rest.indexOf('\n\n')) {
      const lines = Object.fromEntries(
        rest
          .slice(0, at)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)])
      ) as Record<string, string>
      rest = rest.slice(at + 2)
      if (lines['event'] !== undefined) told.push({ event: lines['event'], id: lines['id'] ?? '', data: JSON.parse(lines['data']!) })
    }
  })
  response.on('close', () => (state.ended = true)).on('error', () => {})
  return { status: response.statusCode!, told, state, response, close: () => request.destroy() }
}

/** Waits until it is so. */
export async function until(what: () => unknown, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`not so within ${ms} ms: ${what.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
