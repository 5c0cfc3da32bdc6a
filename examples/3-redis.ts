/** Memory or Redis: in memory, or in Redis where REDIS_HOST names one, under the keys that connect-redis uses, by the same options. */
import express from 'express'
import { createClient } from 'redis'
import session from 'sessile'
import { RedisStore } from 'sessile/stores/redis'

const production = process.env.NODE_ENV === 'production'
const secret = process.env.SESSION_SECRET ?? (production ? undefined : 'development-secret')
if (!secret) fail('SESSION_SECRET is not set. Make one: node -p "crypto.randomBytes(32).toString(\'hex\')"')

const app = express()

const sessions = session({
  // a store is a URL or an object
  store: process.env.REDIS_HOST ? await redisStore(process.env.REDIS_HOST, Number(process.env.REDIS_PORT ?? 6379)) : 'memory:',
  secret,
  resave: false,
  saveUninitialized: false,
  cookie: {
    secure: production,
    httpOnly: true,
    maxAge: 60 * 60 * 1000 // 1 hour
  }
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

async function redisStore(host: string, port: number): Promise<RedisStore> {
  let connected = false
  const client = createClient({
    ...(process.env.REDIS_PASSWORD && { password: process.env.REDIS_PASSWORD }),
    // tries again when it loses a server that was there, but tells at once when there is none
    socket: { host, port, connectTimeout: 3000, reconnectStrategy: (tries) => connected && Math.min(tries * 50, 2000) }
  })
  client.on('error', (error: Error) => connected && console.error(`Redis: ${error.message}`))
  await client
    .connect()
    .catch((error: Error) => fail(`No Redis answers at ${host}:${port} (${error.message}). Start one, or unset REDIS_HOST.`))
  connected = true
  return new RedisStore({ client })
}

function fail(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}
