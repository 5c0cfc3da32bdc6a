import depd from 'depd'
import type { SessionBackend } from '../core/backend.ts'
import { SessionError } from '../core/errors.ts'
import { EventHub } from '../core/events.ts'
import { backendByUrl } from '../stores/by-url.ts'
import { BackendStore, isBackendStore } from './backend-store.ts'
import { Context } from './context.ts'
import { managerOf, type SessionManager } from './manager.ts'
import { MemoryStore } from './memory-store.ts'
import { handle } from './middleware.ts'
import { resolveSessionOptions, type SessionOptions } from './options.ts'
import type { Next, SessionRequest, SessionResponse, StoreLike } from './types.ts'

// here, so that a deprecation is printed once for each place that calls the exported function
const deprecate = depd('express-session')
const env = process.env['NODE_ENV']

/** What `session()` returns: a middleware that is the manager of its sessions as well. */
export interface SessionMiddleware extends SessionManager {
  (req: object, res: object, next: (error?: unknown) => void): void
}

const WARNING = `Warning: connect.session() MemoryStore is not
designed for a production environment, as it will leak
memory, and will not scale past a single process.`

/**
 * Makes the session middleware.
 * @throws TypeError for options that express-session refuses, SessionError `bad-option` or `unknown-store` for ours
 */
export function session(options?: SessionOptions): SessionMiddleware {
  const given = options || {}
  const resolved = resolveSessionOptions(given)
  // on lines of their own: what came from one line of ours to one caller is taken for the same deprecation
  if (given.resave === undefined) deprecate('undefined resave option; provide resave option')
  if (given.saveUninitialized === undefined) deprecate('undefined saveUninitialized option; provide saveUninitialized option')
  if (!given.secret) deprecate('req.secret; provide secret option')
  const store = storeOf(given.store)
  if (env === 'production' && store instanceof MemoryStore) console.warn(WARNING)

  const context = new Context(resolved, store, new EventHub())
  if (isBackendStore(store)) store.attachment ??= { records: context.own!, keyOf: (id) => context.ownKeyOf(id) }
  context.installGenerate()
  context.warnings.review(given, store)
  const readiness = { ready: true }
  store.on?.('disconnect', () => {
    readiness.ready = false
  })
  store.on?.('connect', () => {
    readiness.ready = true
  })
  const fallback = () => deprecate('cookie should be available in req.headers.cookie')

  const middleware = function session(req: object, res: object, next: Next): void {
    handle(context, readiness, req as SessionRequest, res as SessionResponse, next, fallback)
  }
  return Object.assign(middleware, managerOf(context))
}

function storeOf(given: SessionOptions['store']): StoreLike {
  if (!given) return new MemoryStore()
  if (typeof given === 'string') return new BackendStore(backendByUrl(given))
  if (isBackend(given)) return new BackendStore(given)
  const { get, set, destroy } = given
  if (typeof get === 'function' && typeof set === 'function' && typeof destroy === 'function') return given
  throw new SessionError('bad-option', 'store must be a URL, a store of sessile, or an object with get, set and destroy.')
}

function isBackend(store: object): store is SessionBackend {
  const { read, swap, create } = store as Partial<SessionBackend>
  return typeof read === 'function' && typeof swap === 'function' && typeof create === 'function'
}
