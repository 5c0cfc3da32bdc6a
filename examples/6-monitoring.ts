/** Monitoring: which sessions there are, since when, and what they do; live on a dashboard, and as JSON. */
import { randomBytes } from 'node:crypto'
import express, { type RequestHandler } from 'express'
import session from 'sessile'
import { activity, dashboard } from 'sessile/monitor'

const app = express()
const sessions = session({
  secret: process.env.SESSION_SECRET ?? 'monitoring-secret',
  resave: false,
  saveUninitialized: false,
  cookie: { maxAge: 60 * 60 * 1000 } // 1 hour; what has expired goes by itself, there is no interval to write
})
app.use(sessions)

// in memory and written in batches: shared by all processes, and gone with its session
const seen = activity({ sessions })
// before `app.use(seen)`: to look on is no page of a visitor's
const isAdmin = (req: Parameters<typeof sessions.describe>[0]) => sessions.describe(req)?.userId === 'admin'
app.use('/admin/dashboard', dashboard(sessions, { activity: seen, authorize: isAdmin, appPath: '/' }))
app.use(seen)

// the list was open to anyone, with the ids in it that sign one in; now it takes a token, and shows handles
const token = process.env.ADMIN_TOKEN ?? randomBytes(16).toString('hex')
const requireToken: RequestHandler = (req, res, next) => {
  if (req.get('authorization') === `Bearer ${token}`) return next()
  res.status(401).json({ error: 'Authentication required' })
}

// a browser signs in with the token, by the address that is printed below
app.get('/admin/sign-in/:token', async (req, res) => {
  if (req.params.token !== token) return res.status(401).json({ error: 'Authentication required' })
  await req.session.signIn('admin')
  return res.redirect('/admin/dashboard/')
})

app.get('/', async (req, res) => {
  const views = await req.session.update((draft) => (draft.views = (draft.views ?? 0) + 1))
  res.json({ message: 'Session demo', views, sessionId: sessions.describe(req)?.handle })
})

app.get('/admin/sessions', requireToken, async (_req, res) => {
  const { sessions: live } = await sessions.scan({ limit: 500 })
  const rows = await seen.list(live)
  res.json({
    activeSessions: rows.length,
    sessions: rows.map(({ sessionId, userId, lastActivity, pages, duration }) => ({
      sessionId,
      userId: userId ?? null,
      lastActivity: new Date(lastActivity).toISOString(),
      pages,
      duration // since the session began; time since its last activity says little
    }))
  })
})

app.get('/session-info', async (req, res) => {
  const info = sessions.describe(req)
  const data = info && (await seen.of(info.handle))
  res.json({
    sessionId: info?.handle ?? null,
    sessionData: data && { ...data, lastActivity: new Date(data.lastActivity).toISOString(), userId: data.userId ?? null },
    cookie: req.session.cookie,
    isAuthenticated: info?.userId !== undefined
  })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
  console.log(`The dashboard: http://127.0.0.1:${port}/admin/sign-in/${token}`)
  console.log(`As JSON: curl -H 'Authorization: Bearer ${token}' http://127.0.0.1:${port}/admin/sessions`)
})
