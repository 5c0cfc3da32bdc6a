/** Security: a strict cookie, a new id at login, a limit on guessing, and sessions that end after eight hours (user/userpass). */
import bcrypt from '@node-rs/bcrypt'
import express from 'express'
import helmet from 'helmet'
import session from 'sessile'
import { crossSite, loginThrottle, noStore, requireUser } from 'sessile/security'

const production = process.env.NODE_ENV === 'production'
const secret = process.env.SESSION_SECRET ?? (production ? undefined : 'development-secret')
if (!secret) {
  console.error('SESSION_SECRET is not set. Make one: node -p "crypto.randomBytes(32).toString(\'hex\')"')
  process.exit(1)
}

const app = express()
app.use(helmet())
app.use(crossSite()) // also where SameSite does not reach: other subdomains, old browsers

const sessions = session({
  secret,
  name: 'sessionId', // Don't use default name
  resave: false,
  saveUninitialized: false,
  rolling: true, // Reset expiration on activity
  // the eight hours are kept where sessions are loaded, so no route can forget to ask
  lifetimes: { anonymous: { idle: '30m' }, signedIn: { idle: '30m', absolute: '8h' } },
  hashIds: true, // who reads the store cannot sign in with what is there
  cookie: { secure: production, httpOnly: true, sameSite: 'strict' }
})
app.use(sessions, express.json(), noStore())

const HASH = '$2b$10$.opC/e/0fhYMv/Z0s6gphO1wJPPYbPprr9jEDyh0Lo5.UUYllpl26' // of userpass
const users = [{ id: 2, username: 'user', email: 'user@example.com', password: HASH }]

// 5 failures in 15 minutes of one account from one address; kept in the store, so that it holds for all processes
const throttle = loginThrottle({ backend: sessions.backend, secret })

app.post('/login', async (req, res) => {
  const { username, password } = req.body ?? {}
  if (typeof username !== 'string' || typeof password !== 'string') return res.status(400).json({ error: 'Invalid request' })
  const user = users.find((user) => user.username === username || user.email === username)
  const attempt = await throttle.attempt({ account: user ? `user ${user.id}` : username.toLowerCase() || '?', address: req.ip })
  res.set(attempt.headers)
  if (!attempt.allowed) return res.status(429).json({ error: 'Too many login attempts, please try again later' })
  const valid = await bcrypt.verify(password, user?.password ?? HASH)
  if (!user || !valid) return res.status(401).json({ error: 'Invalid credentials' })
  await attempt.succeeded()
  await req.session.signIn(String(user.id)) // the id is renewed here, after the check: a failed login costs nobody a session
  return res.json({ message: 'Login successful' })
})

app.post('/logout', async (req, res) => {
  await req.session.signOut()
  res.json({ message: 'Logout successful' })
})

app.get('/profile', requireUser({ sessions }), (req, res) => {
  const { userId, createdAt, absoluteExpiresAt } = sessions.describe(req)!
  res.json({ message: 'Profile data', userId, createdAt, absoluteExpiresAt })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
})
