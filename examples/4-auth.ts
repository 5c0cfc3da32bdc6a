/** Signing in: registration, login, logout, a profile, and a page for the admin (admin/password123, user/userpass). */
import bcrypt from '@node-rs/bcrypt'
import express from 'express'
import session from 'sessile'
import { requireRole, requireUser } from 'sessile/security'

const app = express()
app.use(express.json())
const sessions = session({
  secret: process.env.SESSION_SECRET ?? 'auth-secret-key',
  resave: false,
  saveUninitialized: false,
  cookie: { secure: false, httpOnly: true, maxAge: 24 * 60 * 60 * 1000 } // secure: true with HTTPS; 24 hours
})
app.use(sessions)

const hashes = {
  admin: '$2b$10$KrN0FaKooXh1TXijwjUwTOx7a.Wyed3VATzEJOJVXIFdgyU3ygT3W',
  user: '$2b$10$.opC/e/0fhYMv/Z0s6gphO1wJPPYbPprr9jEDyh0Lo5.UUYllpl26'
}
const users = [
  { id: 1, username: 'admin', email: 'admin@example.com', password: hashes.admin, role: 'admin' },
  { id: 2, username: 'user', email: 'user@example.com', password: hashes.user, role: 'user' }
]
type User = (typeof users)[number]
const shown = ({ id, username, email, role }: User) => ({ id, username, email, role })
const userOf = (id: unknown) => users.find((user) => String(user.id) === String(id))
const texts = (...values: unknown[]) => values.every((value) => typeof value === 'string' && value !== '')

app.post('/register', async (req, res) => {
  const { username, email, password } = req.body ?? {}
  if (!texts(username, email, password)) return res.status(400).json({ error: 'Invalid request' })
  const hash = await bcrypt.hash(password, 10)
  // looked up after the hashing, in the same turn as the push: of two registrations at once one is refused
  const taken = users.some((user) => user.email === email || user.username === username)
  if (taken) return res.status(409).json({ error: 'User already exists' })
  const user = { id: users.length + 1, username, email, password: hash, role: 'user' }
  users.push(user)
  await req.session.signIn(String(user.id)) // a new id: one that somebody has planted in the browser is worth nothing
  return res.status(201).json({ message: 'Registration successful', user: shown(user) })
})

app.post('/login', async (req, res) => {
  const { username, password } = req.body ?? {}
  if (!texts(username, password)) return res.status(400).json({ error: 'Invalid request' })
  const user = users.find((user) => user.username === username || user.email === username)
  // a hash is compared for unknown names too, so that the time it takes does not tell which names there are
  const valid = await bcrypt.verify(password, user?.password ?? hashes.user)
  if (!user || !valid) return res.status(401).json({ error: 'Invalid credentials' })
  await req.session.signIn(String(user.id))
  return res.json({ message: 'Login successful', user: shown(user) })
})

app.post('/logout', async (req, res) => {
  await req.session.signOut() // gone from the store and, with its own options, from the browser; no request in flight brings it back
  res.json({ message: 'Logout successful' })
})

app.get('/profile', requireUser({ sessions }), (req, res) => {
  const { handle, userId } = sessions.describe(req)!
  const sessionInfo = { sessionId: handle, cookie: req.session.cookie }
  res.json({ message: 'Profile data', user: shown(userOf(userId)!), sessionInfo })
})

// the role is read afresh, not kept in the session: who loses it, loses it at once
const admin = requireRole('admin', { sessions, roleOf: (userId) => userOf(userId)?.role })
app.get('/admin', admin, async (req, res) => {
  const active = new Set((await sessions.scan({ limit: 500 })).sessions.flatMap(({ userId }) => userId ?? []))
  const adminData = { totalUsers: users.length, activeUsers: active.size }
  res.json({ message: 'Admin panel access granted', user: shown(userOf(sessions.describe(req)?.userId)!), adminData })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
})
