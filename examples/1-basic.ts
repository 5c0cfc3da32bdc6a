/** Basic: counts a visitor's views, in a session that lasts a day. */
import express from 'express'
import session from 'sessile'

const app = express()

const sessions = session({
  secret: process.env.SESSION_SECRET ?? 'your-secret-key', // Change this in production
  resave: false, // Don't save session if unmodified
  saveUninitialized: false, // Don't create session until something stored
  cookie: {
    secure: false, // Set to true with HTTPS
    maxAge: 24 * 60 * 60 * 1000 // 24 hours
  }
})
app.use(sessions)

app.get('/', async (req, res) => {
  // update() runs on what is stored now, so that of two requests at once both are counted
  const views = await req.session.update((draft) => {
    draft.views = (draft.views ?? 0) + 1
    return draft.views
  })
  // the handle, not req.sessionID: an id in the page is an id that a script can take
  res.json({ message: 'Session demo', views, sessionId: sessions.describe(req)?.handle ?? null })
})

const port = Number(process.env.PORT ?? 3000)
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`Session server running on port ${port}: http://127.0.0.1:${port}`)
})
