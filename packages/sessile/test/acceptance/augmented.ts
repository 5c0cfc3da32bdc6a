/** A program that augments the types and uses what they promise, to be checked and not run; `name` is under which the package is imported. */
export const AUGMENTED = (name: string) => `
  import express from 'express'
  import session, { Store, type SessionData } from '${name}'
  declare module '${name}' { interface SessionData { views: number; user?: { id: string } } }
  const sessions = session({
    secret: ['a', 'b'], store: 'memory:', cookie: (req) => ({ path: req.url ?? '/', sameSite: 'auto', partitioned: true, priority: 'low' }),
    genid: (req: express.Request) => req.ip ?? '', lifetimes: { signedIn: { idle: '30m', absolute: '8h' } }, onStoreError: 'fail'
  })
  const app = express()
  app.use(sessions)
  app.get('/', async (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    const id: string | undefined = req.session.user?.id
    req.session.save((error) => void error).touch()
    await req.session.regenerate()
    await req.session.signIn(id ?? 'x', { views: 1 })
    const views: number = await req.session.update((draft) => (draft.views = (draft.views ?? 0) + 1))
    const info = sessions.describe(req)
    // @ts-expect-error it is a number
    req.session.views = 'x'
    res.json([views, info?.handle, req.sessionID, await sessions.of('x')])
  })
  class Mine extends Store {
    get(sid: string, callback: (error: any, session?: SessionData | null) => void): void { callback(null, null) }
    set(sid: string, given: SessionData, callback?: (error?: any) => void): void { callback?.() }
    destroy(sid: string, callback?: (error?: any) => void): void { callback?.() }
  }
  session({ secret: 's', store: new Mine() })
  session({ secret: 's', store: new session.MemoryStore() })
`
