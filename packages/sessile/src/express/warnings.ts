import { after } from '../core/clock.ts'
import type { EventHub } from '../core/events.ts'
import { WARNINGS, type WarningCode } from '../core/warnings.ts'
import { isBackendStore } from './backend-store.ts'
import { MemoryStore } from './memory-store.ts'
import { OPTION_NAMES, type SessionOptions } from './options.ts'
import { reviewOptions } from './review.ts'
import type { SessionRequest, StoreLike } from './types.ts'

/** Long enough for listeners to be there, and for a process that only looks at a module to be over. */
const SOON_MS = 100
const printed = new Set<WarningCode>()
const isProduction = process.env['NODE_ENV'] === 'production'

/**
 * Tells what is wrong with how an app is set up, each once: to listeners of the event `warning` once for each `session()`, and as a
 * process warning, with its code and the place of its page, once in a process.
 */
export class Warnings {
  readonly #events: EventHub
  readonly #told = new Set<WarningCode>()
  /** Whether there was a request: what Express says of its proxies is known from then on. */
  hasMet = false

  constructor(events: EventHub) {
    this.#events = events
  }

  /** @param detail what it was seen by, and what to do; holds no secret. @param silent somebody else has printed it */
  tell(code: WarningCode, detail: string, silent = false): void {
    if (this.#told.has(code)) return
    this.#told.add(code)
    const { always, sentence } = WARNINGS[code]
    const message = `${sentence} ${detail}`
    const page = `docs/warnings/${code}.md`
    this.#events.emit('warning', () => ({ code, message, page }))
    if (silent || printed.has(code) || !(always || isProduction)) return
    printed.add(code)
    process.emitWarning(message, { type: 'SessileWarning', code, detail: `See ${page} of sessile.` })
  }

  /** Reviews what `session()` was given, in a moment: a process that is over by then is not kept, and reads nothing. */
  review(given: SessionOptions, store: StoreLike): void {
    after(SOON_MS, () => {
      for (const { code, message } of reviewOptions(given)) if (Object.hasOwn(WARNINGS, code)) this.tell(code as WarningCode, message)
      const unknown = Object.keys(given).filter((name) => !Object.hasOwn(OPTION_NAMES, name))
      if (unknown.length > 0) this.tell('unknown-option', `It has no effect: ${unknown.join(', ')}.`)
      if (!isProduction || !isBackendStore(store) || store.backend.name !== 'memory') return
      // a MemoryStore has been warned of in express-session's words
      this.tell('memory-store', 'Give it a store: store: "sqlite:./sessions.db".', store instanceof MemoryStore)
    })
  }

  /** Looks at the first request for what its app says of proxies. */
  meet(req: SessionRequest, proxy: boolean | undefined): void {
    this.hasMet = true
    const { app } = req as { app?: { get?(name: string): unknown } }
    if (proxy !== undefined || typeof app?.get !== 'function' || app.get('trust proxy') !== true) return
    this.tell('trust-proxy-all', "Name the proxies instead: app.set('trust proxy', 1) where there is one.")
  }

  /** A secure cookie that a connection may not carry. */
  notSent(req: SessionRequest, proxy: boolean | undefined): void {
    const says = /^\s*https\b/i.test(String(req.headers['x-forwarded-proto'] ?? ''))
    const trust = proxy === false ? 'proxy is false.' : "Express does not trust it: app.set('trust proxy', 1), or proxy: true."
    this.tell(
      'cookie-not-sent',
      says
        ? `A proxy says in X-Forwarded-Proto that it is HTTPS, but ${trust}`
        : "Use HTTPS, let the proxy before the app send X-Forwarded-Proto, or give cookie.secure: 'auto' where HTTP is meant."
    )
  }
}
