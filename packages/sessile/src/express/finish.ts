import type { MaybePromise } from '../core/backend.ts'
import { later, now } from '../core/clock.ts'
import { touchTo, type Ends } from '../core/lifetimes.ts'
import { attempt, chain } from '../core/maybe.ts'
import { ask } from '../stores/express-store/ask.ts'
import * as identity from './identity.ts'
import { LAZY } from './lazy.ts'
import type { RequestSession } from './request-session.ts'
import type { Around } from './response.ts'
import { isSecure } from './secure.ts'
import { ownSave, type Session } from './session.ts'
import { clearCookie, retractCookie, sendCookie } from './set-cookie.ts'
import { attributesOf, maxAgeOf, settingsDiffer } from './text.ts'
import { Tracked } from './tracked.ts'
import type { SessionResponse } from './types.ts'

type Work = () => MaybePromise<unknown>

/** How a request's session ends up: its cookie at the head of the response, its record in the store at the response's end. */
export class Finish implements Around {
  readonly #of: RequestSession
  #touched = false
  #ended = false
  /** The session could not be serialized; the error answer goes out as it is. */
  #broken = false
  /** The session that was there when the response ended, and its attributes then. */
  #seen: Session | undefined
  #seenText = ''
  #sentCookie: string | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(of: RequestSession) {
    this.#of = of
  }

  head(): void {
    this.#sendCookie()
    if (!this.#ended) this.#saveBeforeFirstByte()
  }

  /**
   * A head that leaves before the end is a stream's. What changed before its first byte is stored first, so that whoever reads
   * that byte finds it; the bytes wait meanwhile.
   */
  #saveBeforeFirstByte(): void {
    const { req, res } = this.#of
    const session = this.#of.current()
    const { socket } = res
    // HTTP/2 lets no one hold its frames
    if (!session || session === LAZY || this.#broken || !socket || req.httpVersionMajor > 1) return
    socket.cork()
    process.nextTick(() => {
      const saved = attempt<unknown>(
        () => {
          // an end in the same tick does all at once
          if (this.#ended || this.#of.current() !== session) return undefined
          const rest = attributesOf(session)
          if (!this.#of.shouldSave(session, rest)) return undefined
          this.#of.refuseUnstorable(rest)
          this.#touchOnce(session)
          return this.#of.run(() => this.#of.store(session, rest), true)
        },
        (error) => {
          this.#failure = { error }
        }
      )
      void chain(saved, () => socket.uncork())
    })
  }

  #sendCookie(): void {
    if (this.#broken || this.#failure) return
    const { req, res, context, cookieId, cookieToClear } = this.#of
    const { name, rolling, proxy } = context.options
    let session = this.#of.current()
    if (!session && cookieToClear) return this.#orNext(() => clearCookie(res, name, cookieToClear))
    if (!session || typeof req.sessionID !== 'string') return
    if (session === LAZY) {
      if (this.#of.isUntouchedNew() || (cookieId === req.sessionID && !rolling)) return
      session = this.#of.session()!
    }
    const direct = this.#of.direct(session)
    if (this.#of.deadId === direct.id || !this.#shouldSetCookie(session)) return
    if (direct.cookie.secure && !isSecure(req, proxy)) return context.warnings.notSent(req, proxy)
    this.#touchOnce(session)
    const { cookie } = direct
    this.#orNext(() => {
      this.#sentCookie = sendCookie(res, context.form, this.#of.valueFor(req.sessionID!), cookie)
    })
  }

  /** A cookie that cannot be written leaves the response as it is. */
  #orNext(write: () => void): void {
    try {
      write()
    } catch (error) {
      later(() => this.#of.next(error))
    }
  }

  #shouldSetCookie(session: Session): boolean {
    const { context, cookieId, req, baseline } = this.#of
    const { rolling, saveUninitialized } = context.options
    if (cookieId !== req.sessionID) return saveUninitialized || baseline.hasStoredChanges || this.#isModified(session)
    return rolling || (this.#isModified(session) && this.#of.direct(session).cookie.expires != null)
  }

  #isModified(session: Session): boolean {
    const direct = this.#of.direct(session)
    const rest = this.#seen === session ? this.#seenText : attributesOf(direct)
    return this.#of.baseline.isModified(direct.id, rest)
  }

  /** The cookie and the record get the same time, once per request. */
  #touchOnce(session: Session): void {
    if (this.#touched) return
    this.#touched = true
    const direct = this.#of.direct(session)
    direct.touch()
    const { context } = this.#of
    if (context.options.hasLifetimes) context.follow(direct.cookie, this.#of.userIdOf(session))
  }

  end(): MaybePromise<boolean> {
    this.#ended = true
    let work: Work | undefined
    try {
      work = this.#work()
    } catch (error) {
      this.#broken = true
      throw error
    }
    const open = this.#of.underWay
    if (!work) return open ? open.then(() => true) : true
    const final = work
    const tried = () =>
      attempt<unknown>(final, (error) => {
        this.#failure = { error }
      })
    return chain(open ? open.then(tried) : tried(), () => this.#settled())
  }

  #settled(): boolean {
    const { res, req, deadId, context } = this.#of
    if (this.#sentCookie !== undefined && deadId !== undefined && deadId === req.sessionID) retractCookie(res, this.#sentCookie)
    return !this.#failure || context.options.onStoreError !== 'fail'
  }

  /** What remains to be done in the store; decided in the tick of `end`. */
  #work(): Work | undefined {
    const { req, context, cookieId } = this.#of
    const { unsetDestroy } = context.options
    let session = this.#of.current()
    if (session === LAZY) {
      if (this.#of.isUntouchedNew()) return undefined
      if (this.#mayTouchUnseen() && !this.#isRenewalDue()) return () => this.#touchUnseen()
      session = this.#of.session()
    }
    const id = req.sessionID
    if (!session) return unsetDestroy && id && !this.#of.hasEnded(id) ? () => context.records.destroy(context.keyOf(id)) : undefined
    if (typeof id !== 'string') return undefined
    const seen = session
    // a handler may have put a touch of its own on the session; on one whose cookie nobody saw there is none
    const mayBeAsLoaded = this.#mayBeAsLoaded(seen)
    if (!mayBeAsLoaded) this.#touchOnce(seen)
    const direct = this.#of.direct(seen)
    const rest = attributesOf(direct)
    this.#seen = seen
    this.#seenText = rest
    const saves = this.#of.shouldSave(seen, rest)
    if (mayBeAsLoaded) {
      if (!saves && !this.#isRenewalDue()) return () => this.#touchUnseen()
      this.#touchOnce(seen)
    }
    if (saves) this.#of.refuseUnstorable(rest)
    if (this.#isRenewalDue()) return () => identity.renewRoutinely(this.#of, seen)
    if (saves) {
      // people replace `save` on a session; then theirs is called
      if (direct.save !== ownSave) return () => ask((answer) => seen.save(answer as () => void))
      return () => this.#of.store(seen, rest)
    }
    return cookieId === id ? () => this.#touchStored(seen, rest) : undefined
  }

  /** A new id needs a head that can still carry it, and a store that can leave a trace under the old one. */
  #isRenewalDue(): boolean {
    const { context, loaded, loadedId, cookieId, req, res } = this.#of
    const isOwnId = loaded !== undefined && !loaded.moved && cookieId === req.sessionID && loadedId === cookieId
    return isOwnId && !res.headersSent && context.isRenewalDue(loaded) && context.isOwn
  }

  /** Whether a session that nobody looked at needs no more than the numbers in its cookie. */
  #mayTouchUnseen(): boolean {
    const { context, loaded, cookieId, req } = this.#of
    const { resave, rolling } = context.options
    return loaded !== undefined && !resave && !rolling && cookieId === req.sessionID && context.isOwn
  }

  /** Whether a session is as good as one that nobody looked at, if its attributes are as they were: its cookie is. */
  #mayBeAsLoaded(session: Session): boolean {
    const direct = this.#of.direct(session)
    return direct instanceof Tracked && direct.isCookieUnseen && this.#of.loadedId === direct.id && this.#mayTouchUnseen()
  }

  #touchUnseen(): MaybePromise<unknown> {
    const loaded = this.#of.loaded!
    const at = now()
    const maxAge = maxAgeOf(loaded.beginning)
    return this.#touchTo(
      undefined,
      this.#of.context.endsAt(maxAge, maxAge === undefined ? undefined : at + maxAge, loaded.stored.meta, loaded.userId, at)
    )
  }

  #touchStored(session: Session, rest: string): MaybePromise<unknown> {
    const { context, loaded, loadedId, storedCookie } = this.#of
    const direct = this.#of.direct(session)
    if (!loaded || loadedId !== direct.id) return undefined
    const userId = this.#of.userIdOf(session)
    const ends = context.endsWith(direct.cookie, loaded.stored.meta, userId, now())
    // a touch only lengthens a life; anything else is a write
    const isShorter = ends.expiresAt + context.slackOf(ends) < loaded.stored.expiresAt
    if (context.isOwn && (isShorter || settingsDiffer(storedCookie ?? {}, direct.cookie))) {
      return this.#of.commit(session, loaded, this.#of.changeOf(session, this.#of.textOf(session, rest), loaded))
    }
    return this.#touchTo(session, ends)
  }

  #touchTo(session: Session | undefined, ends: Ends): MaybePromise<unknown> {
    const { context, loaded, loadedId } = this.#of
    const expiresAt = touchTo(loaded!.stored.expiresAt, ends, context.slackOf(ends))
    if (expiresAt === undefined) {
      context.events.saves.skipped += 1
      return undefined
    }
    return chain(context.touch(loaded!, session, expiresAt), (lives) => {
      if (!lives) this.#of.deadId = loadedId
    })
  }

  /** Reports a failure once, when it cannot disturb the answer any more. */
  handedOver(sent: boolean): void {
    this.#of.watcher?.answered(this.#of)
    const failure = this.#failure
    if (!failure) return
    const { res, next, context } = this.#of
    if (!sent) {
      if (res.headersSent) res.destroy()
      else clearAnswer(res)
      return next(failure.error)
    }
    if (context.options.onStoreError === 'continue') return
    let reported = false
    const report = () => {
      if (reported) return
      reported = true
      later(() => next(failure.error))
    }
    if (res.writableFinished || res.destroyed) return report()
    res.once('finish', report)
    res.once('close', report)
  }
}

/** Headers that speak of the answer that is not sent. */
const OF_THE_ANSWER = [
  'accept-ranges',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'expires',
  'last-modified',
  'location',
  'transfer-encoding'
]

function clearAnswer(res: SessionResponse): void {
  for (const name of OF_THE_ANSWER) res.removeHeader(name)
  res.statusCode = 503
  res.statusMessage = ''
  res.setHeader('Cache-Control', 'no-store')
}
