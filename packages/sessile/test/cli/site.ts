import '../express/quiet.ts'
import { randomBytes, randomUUID } from 'node:crypto'
import type { TestContext } from 'node:test'
import express, { type NextFunction, type Request, type Response } from 'express'
import { session } from '../../src/express/factory.ts'
import type { SessionOptions } from '../../src/express/options.ts'
import { crossSite } from '../../src/security/cross-site.ts'
import { markPrivate } from '../../src/security/no-store.ts'
import { secure } from '../../src/security/presets.ts'
import { safeReturnPath } from '../../src/security/return-path.ts'
import { cookieFor, listen } from '../security/world.ts'

export const USER = 'somebody'
export const PASSWORD = 'correct horse battery staple'
const SECRET = 'a lantern that hangs over the harbour wall'
export const RETIRED = 'a rope that was replaced after the last storm'

/** Headers as a careful site sends them. */
const HEADERS: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'Cross-Origin-Resource-Policy': 'same-origin'
}

/**
 * A small site behind a proxy that ends TLS, careful in everything, except for what is `broken`: items of the checklist, or words
 * for those that can be broken in more than one way.
 */
export async function site(t: TestContext, ...broken: (number | string)[]): Promise<{ url: string; signedIn: () => Promise<number> }> {
  const is = (fault: number | string): boolean => broken.includes(fault)
  const app = express()
  app.set('trust proxy', 'loopback')
  app.disable('x-powered-by')
  app.use((req, res, next) => {
    if (!is(68))
      for (const [name, value] of Object.entries(HEADERS)) if (!(is(69) && name.startsWith('Cross-Origin'))) res.setHeader(name, value)
    if (is('no-frames')) res.setHeader('Content-Security-Policy', "default-src 'self'; object-src 'none'; base-uri 'none'")
    if (!is(25)) markPrivate(res)
    if (is(67) && req.headers.origin)
      res.setHeader('Access-Control-Allow-Origin', req.headers.origin).setHeader('Access-Control-Allow-Credentials', 'true')
    if (is(7)) takeFromAddress(req)
    if (is('7-header') && req.headers['x-session-id'])
      req.headers.cookie = cookieFor(String(req.headers['x-session-id']), SECRET, '__Host-visit')
    next()
  })
  if (!is(62)) app.use(crossSite())
  const options = optionsOf(is)
  const isCareless = is(4) || is(5) || is(21)
  const sessions = isCareless ? careless(is) : session(options)
  app.use(sessions)
  if (!isCareless) t.after(() => (sessions as ReturnType<typeof session>).close())
  app.use(express.json({ type: is(66) ? () => true : 'application/json' }), express.urlencoded())
  routes(app, is)
  const { port } = await listen(t, app)
  const signedIn = async (): Promise<number> => (isCareless ? 0 : (await (sessions as ReturnType<typeof session>).of(USER)).length)
  return { url: `http://127.0.0.1:${port}/`, signedIn }
}

type Is = (fault: number | string) => boolean

function optionsOf(is: Is): SessionOptions {
  const preset = secure('web', { production: true, name: 'visit' })
  let counter = 1000
  const genids: [number | string, () => string][] = [
    [1, () => randomBytes(4).toString('hex')],
    ['1-repeated', () => `${'x'.repeat(30)}${counter++ % 7}`],
    [2, () => randomUUID()],
    [3, () => Buffer.from(`user ${USER} number ${counter++} ${randomBytes(12).toString('hex')}`).toString('base64url')],
    ['3-time', () => `${Date.now()}.${randomBytes(24).toString('base64url')}`],
    ['3-counter', () => `${counter++}-${randomBytes(24).toString('base64url')}`]
  ]
  const genid = genids.find(([fault]) => is(fault))?.[1]
  const names: [number | string, string][] = [
    [15, 'visit'],
    [18, 'connect.sid']
  ]
  return {
    ...preset,
    name: names.find(([fault]) => is(fault))?.[1] ?? preset.name,
    secret: is(10) ? [SECRET, 'keyboard cat'] : is('10-retired') ? [SECRET, RETIRED] : SECRET,
    store: 'memory:',
    ...(genid ? { genid } : {}),
    cookie: {
      ...preset.cookie,
      ...(is(13) ? { secure: false } : {}),
      ...(is(14) ? { httpOnly: false } : {}),
      ...(is('15-domain') ? { domain: 'shop.example' } : {}),
      ...(is(17) ? { sameSite: undefined } : {})
    },
    ...(is(20) ? { lifetimes: { anonymous: { idle: '1000d' }, signedIn: { idle: '30m' } } } : {}),
    ...(is('absolute') ? { lifetimes: { anonymous: { idle: '1h' }, signedIn: { idle: '1h', absolute: '2s' } }, touchSlack: '10ms' } : {}),
    ...(is('short') ? { lifetimes: { anonymous: { idle: '2s' }, signedIn: { idle: '2s' } }, touchSlack: '10ms' } : {}),
    ...(is(40) ? { saveUninitialized: true } : {})
  }
}

/** Fault 7: an id in the address is as good as one in the cookie. */
function takeFromAddress(req: Request): void {
  const id = new URLSearchParams(req.url.split('?')[1]).get('sid')
  if (id) req.headers.cookie = cookieFor(id, SECRET, '__Host-visit')
}

/** Faults 4, 5 and 21: a session system of its own, which does not look well at what comes. */
function careless(is: Is): (req: Request, res: Response, next: NextFunction) => void {
  const kept = new Map<string, Record<string, unknown>>()
  return (req, res, next) => {
    const sent = /__Host-visit=([^;]*)/.exec(req.headers.cookie ?? '')?.[1]
    // 4: some of the characters decide; 5: whatever comes is taken; 21: only the browser knows when it is over
    const fits = (id: string) => (is(4) ? id.slice(10, 20) === sent?.slice(10, 20) : id === sent)
    const known = is(5) ? sent : [...kept.keys()].find(fits)
    let id = known ?? randomBytes(24).toString('base64url')
    const set = () =>
      res.setHeader('Set-Cookie', `__Host-visit=${id}; Path=/; HttpOnly; Secure; SameSite=Lax${is(21) ? '; Max-Age=2' : ''}`)
    const fill = (): void => {
      const data = kept.get(id) ?? {}
      kept.set(id, data)
      ;(req as any).session = new Proxy(data, {
        set(target, name, value) {
          if (id !== sent) set()
          return Reflect.set(target, name, value)
        }
      })
      Object.assign((req as any).session, {})
    }
    fill()
    const { session } = req as any
    Object.defineProperty(session, 'signIn', {
      configurable: true,
      value: async (userId: string) => {
        kept.delete(id)
        id = randomBytes(24).toString('base64url')
        fill()
        ;(req as any).session.userId = userId
      }
    })
    Object.defineProperty(session, 'signOut', {
      configurable: true,
      value: async () => {
        kept.delete(id)
        res.setHeader('Set-Cookie', '__Host-visit=; Path=/; HttpOnly; Secure; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
      }
    })
    next()
  }
}

/** What of a password a site looks at. */
function storedForm(is: Is, password: string): string {
  const normal = is('74-nfc') ? password : password.normalize('NFC')
  if (is(74)) return normal.slice(0, 20)
  if (is('74-trim')) return normal.trim()
  if (is('74-case')) return normal.toLowerCase()
  return is('74-bytes') ? Buffer.from(normal).subarray(0, 72).toString('latin1') : normal
}

const FORM =
  '<form method="post"><input name="username" autocomplete="username"><input name="password" type="password" autocomplete="current-password"></form>'

function routes(app: express.Express, is: Is): void {
  app.get('/', (req, res) => {
    if (is('not-for-pages') && !req.headers.accept?.includes('text/html')) (req as any).session.views = 1
    res.send('<h1>A shop</h1>')
  })
  app.get('/visit', (req, res) => {
    const { session } = req as any
    session.views = (session.views ?? 0) + 1
    res.send(is(50) ? `<p>${req.headers.cookie ?? ''}</p>` : '<p>Seen</p>')
  })
  app.get(
    '/login',
    (_req, res) =>
      void res.send(is(78) ? '<form><input name="username"><input name="password" type="password" autocomplete="off"></form>' : FORM)
  )
  const passwords = new Map([[USER, PASSWORD]])
  const stored = (password: unknown): string => storedForm(is, String(password))
  app.post('/login', async (req, res) => {
    const { username, password } = (req.body ?? {}) as Record<string, unknown>
    const known = passwords.get(String(username))
    if (known === undefined && is(82)) return void res.status(401).json({ error: 'There is no such user' })
    if (known !== undefined && is('82-time')) await new Promise((resolve) => setTimeout(resolve, 60))
    if (known === undefined || stored(password) !== stored(known)) return void res.status(401).json({ error: 'Invalid credentials' })
    const { session } = req as any
    if (is(27)) session.userId = username
    else await session.signIn(username)
    if (is(37)) res.append('Set-Cookie', `remember=${String(username)}; Path=/; Secure; HttpOnly; SameSite=Lax`)
    const next = req.query['next']
    if (next === undefined) return void res.json({ message: 'Login successful' })
    res
      .status(303)
      .setHeader('Location', is(70) ? String(next) : safeReturnPath(next))
      .end()
  })
  const signOut = async (req: Request, res: Response): Promise<void> => {
    const { session } = req as any
    if (is(44) && !session?.userId) return void res.status(500).json({ error: 'Logout failed' })
    if (!is(45)) res.setHeader('Clear-Site-Data', '"cache", "storage"')
    if (is(41)) res.setHeader('Set-Cookie', '__Host-visit=; Path=/; Secure; HttpOnly; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
    else if (is(26)) await session.destroy()
    else await session.signOut()
    res.json({ message: 'Logout successful' })
  }
  app.post('/logout', signOut)
  if (is(43)) app.get('/logout', signOut)
  app.post('/register', (req, res) => {
    const { username, password } = (req.body ?? {}) as Record<string, unknown>
    if (is('74-short') && String(password).length > 64) return void res.status(400).json({ error: 'Too long' })
    passwords.set(String(username), String(password))
    res.status(201).json({ message: 'Welcome' })
  })
  app.post('/password', (req, res) => {
    const { userId } = (req as any).session
    const { currentPassword: current, newPassword } = (req.body ?? {}) as Record<string, unknown>
    if (!userId) return void res.status(401).json({ error: 'Authentication required' })
    const isProved = current === undefined ? is(55) : is(79) || stored(current) === stored(passwords.get(userId))
    if (!isProved) return void res.status(401).json({ error: 'Invalid credentials' })
    passwords.set(userId, String(newPassword))
    res.json({ message: 'Password changed' })
  })
  app.get('/profile', (req, res) => {
    const remembered = is(37) ? /remember=([^;]+)/.exec(req.headers.cookie ?? '')?.[1] : undefined
    const userId = (req as any).session.userId ?? remembered
    if (!userId) return void res.status(401).json({ error: 'Authentication required' })
    res.json({ user: userId })
  })
  if (is(105)) app.get('/metrics', (_req, res) => void res.type('text').send('sessions_live 3\n'))
  app.use((_req, res) => void res.status(404).json({ error: 'Not found' }))
  app.use((error: any, _req: Request, res: Response, _next: NextFunction) => {
    res.status(error.status ?? 500).json(is(99) ? { error: error.stack } : { error: 'That did not work' })
  })
}
