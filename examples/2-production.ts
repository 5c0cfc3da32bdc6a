/** Production: strict cookies, and sessions in MongoDB (MONGODB_URI), in the collection that connect-mongo uses, by the same options. */
import express from 'express'
import { MongoClient } from 'mongodb'
import session from 'sessile'
import { MongoStore } from 'sessile/stores/mongodb'

const production = process.env.NODE_ENV === 'production'

// a fallback secret that is printed in a tutorial signs anybody in: in production there is none
const secret = process.env.SESSION_SECRET ?? (production ? undefined : 'fallback-secret')
if (!secret) fail('SESSION_SECRET is not set. Make one: node -p "crypto.randomBytes(32).toString(\'hex\')"')

const mongoUrl = process.env.MONGODB_URI ?? 'mongodb://localhost:27017/sessions'
const client = await MongoClient.connect(mongoUrl, { serverSelectionTimeoutMS: 3000 }).catch((error: Error) =>
  fail(`No MongoDB answers at ${mongoUrl.replace(/\/\/[^@/]*@/, '//')} (${error.message}). Start one there, or set MONGODB_URI.`)
)

const app = express()

const sessions = session({
  secret,
  name: 'sessionId', // Change default session name
  resave: false,
  saveUninitialized: false,
  rolling: true, // Reset expiration on activity
  cookie: {
    secure: production, // HTTPS only in production
    httpOnly: true, // Prevent XSS
    maxAge: 30 * 60 * 1000, // 30 minutes
    sameSite: 'strict' // CSRF protection
  },
  store: MongoStore.create({
    client,
    touchAfter: 10 * 60 // a day, as is often written, is longer than the session: it would end under its user's hands
  })
})
app.use(sessions)

app.get('/', async (req, res) => {
  const views = await req.session.update((draft) => {
    draft.views = (draft.views ?? 0) + 1
    return draft.views
  })
  res.json({ message: 'Session demo', views, sessionId: sessions.describe(req)?.handle ?? null })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
})

function fail(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}
