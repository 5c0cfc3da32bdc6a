import type { Cookie } from './cookie.ts'
import { PER_MEMBER } from './members.ts'
import { hide, isReserved, Session, type SaveOrReload } from './session.ts'
import { attributesOf } from './text.ts'
import { TRACKED, type Attributes, type SessionRequest } from './types.ts'

/** An attribute that somebody read or set. */
interface Touched {
  readonly name: string
  /** Which member of the text it is, counted in `PER_MEMBER`; -1 when it is not in there. */
  readonly at: number
  value: unknown
  isSet: boolean
}

interface Origin {
  readonly req: SessionRequest
  /** The stored cookie, or a new one where it cannot be read. */
  cookieOf(text: string): Cookie
}

const isNumeric = /^\d/
const { touch: ownTouch, resetMaxAge: ownReset } = Session.prototype

/** A session to be asked on the package's own account: the session itself, or what is behind its proxy, whose detour costs ten times as much. */
export interface Direct {
  readonly id: string
  readonly cookie: Cookie
  readonly save: SaveOrReload
  touch(): unknown
}

/** What `Object.create(Session.prototype)` makes, and cheaper. */
const Target = function () {} as unknown as new () => Session
Target.prototype = Session.prototype
const COOKIE_START = '{"cookie":'.length

/**
 * A stored session of which only what is touched is parsed, and compared at the end of the request: most requests read one or two
 * attributes, and parsing, writing and comparing the others is nearly all that a session costs. It is a proxy's handler, since
 * only a proxy sees everything that is read, set or listed. What asks for more than single attributes turns it
 * into an ordinary session for the rest of the request.
 */
export class Tracked implements ProxyHandler<Session>, Direct {
  readonly #origin: Origin
  readonly #id: string
  readonly #text: string
  /** The attributes at the start, as `attributesText` gives them. */
  readonly #start: string
  /** See `membersOf`. */
  readonly #members: readonly number[]
  readonly #target = new Target()
  readonly proxy: Session
  readonly #touched: Touched[] = []
  #cookie: unknown
  #hasCookie = false
  #isWhole = false
  /** Of a text that is broken: what could be read of it, as text. To look at that must not store it in its place. */
  #readable: string | undefined

  constructor(origin: Origin, text: string, start: string, members: readonly number[]) {
    this.#origin = origin
    this.#id = origin.req.sessionID!
    this.#text = text
    this.#start = start
    this.#members = members
    this.proxy = new Proxy(this.#target, this)
  }

  /** Whether nobody has asked for the cookie, so that it is as it was stored. */
  get isCookieUnseen(): boolean {
    return !this.#hasCookie
  }

  get [TRACKED](): this {
    return this
  }

  get id(): string {
    return this.#isWhole ? this.#target.id : this.#id
  }

  get cookie(): Cookie {
    return this.#isWhole ? this.#target.cookie : (this.#theCookie() as Cookie)
  }

  get save(): SaveOrReload {
    return this.#target.save
  }

  get userId(): unknown {
    return this.#peek('userId')
  }

  get passport(): unknown {
    return this.#peek('passport')
  }

  /** As `session.touch()`. */
  touch(): void {
    const { touch, resetMaxAge } = this.#target
    if (touch !== ownTouch || resetMaxAge !== ownReset) return void this.proxy.touch()
    const { cookie } = this
    cookie.maxAge = cookie.originalMaxAge
  }

  /** An attribute for a look: what is in it is not handed out, so it is not compared at the end. */
  #peek(name: string): unknown {
    if (this.#isWhole) return (this.#target as unknown as Attributes)[name]
    for (const one of this.#touched) if (one.name === name) return one.value
    const at = this.#find(name)
    return at === -1 ? undefined : this.#valueAt(at)
  }

  get(target: Session, name: string | symbol, receiver: unknown): unknown {
    if (name === TRACKED) return this
    if (this.#isWhole || typeof name === 'symbol') return Reflect.get(target, name, receiver)
    if (name === 'cookie') return this.#theCookie()
    if (name === 'id') return this.#id
    if (name === 'req') return this.#origin.req
    if (isReserved(name)) return Reflect.get(target, name, receiver)
    const one = this.#touch(name)
    return one.at === -1 && !one.isSet ? Reflect.get(target, name, receiver) : one.value
  }

  set(target: Session, name: string | symbol, value: unknown, receiver: unknown): boolean {
    if (!this.#isWhole) {
      if (name === 'cookie') {
        this.#cookie = value
        this.#hasCookie = true
        return true
      }
      if (typeof name === 'string' && receiver === this.proxy && !isReserved(name) && !isNumeric.test(name)) {
        const one = this.#touch(name)
        if (one.at !== -1 || one.isSet || !(name in target)) return this.#assign(one, value)
      }
    }
    this.#changing()
    return Reflect.set(target, name, value, receiver === this.proxy ? target : receiver)
  }

  #assign(one: Touched, value: unknown): true {
    // new ones stand in the order in which they were set
    if (one.at === -1 && !one.isSet) this.#touched.push(...this.#touched.splice(this.#touched.indexOf(one), 1))
    one.value = value
    one.isSet = true
    return true
  }

  has(target: Session, name: string | symbol): boolean {
    if (this.#isWhole || typeof name === 'symbol') return Reflect.has(target, name)
    if (name === 'cookie' || name === 'id' || name === 'req') return true
    const one = this.#touch(name)
    return one.at !== -1 || one.isSet || Reflect.has(target, name)
  }

  deleteProperty(_target: Session, name: string | symbol): boolean {
    return Reflect.deleteProperty(this.#changing(), name)
  }

  ownKeys(): (string | symbol)[] {
    return Reflect.ownKeys(this.whole())
  }

  getOwnPropertyDescriptor(_target: Session, name: string | symbol): PropertyDescriptor | undefined {
    return Reflect.getOwnPropertyDescriptor(this.whole(), name)
  }

  defineProperty(_target: Session, name: string | symbol, descriptor: PropertyDescriptor): boolean {
    return Reflect.defineProperty(this.#changing(), name, descriptor)
  }

  preventExtensions(): boolean {
    return Reflect.preventExtensions(this.whole())
  }

  /** The session as an ordinary object, which from now on is what everything goes to. */
  whole(): Session {
    const target = this.#target
    if (this.#isWhole) return target
    hide(target, this.#origin.req, this.#id)
    const fields = target as unknown as Attributes
    fields['cookie'] = this.#theCookie()
    const stored = this.#parsed()
    for (const { name, at, value, isSet } of this.#touched) if (at !== -1 && (isSet || value !== undefined)) stored[name] = value
    for (const name of Object.keys(stored)) fields[name] = stored[name]
    for (const { name, at, value, isSet } of this.#touched) if (at === -1 && isSet) fields[name] = value
    this.#isWhole = true
    return target
  }

  #changing(): Session {
    const target = this.whole()
    this.#readable = undefined
    return target
  }

  /** The attributes as they are stored. */
  #parsed(): Attributes {
    try {
      return JSON.parse(`{${this.#start}`) as Attributes
    } catch {
      const readable: Attributes = {}
      for (let at = 0; at < this.#members.length; at += PER_MEMBER) {
        const value = this.#valueAt(at)
        if (value !== undefined) readable[this.#text.slice(this.#members[at]!, this.#members[at + 1]! - 2)] = value
      }
      this.#readable = attributesOf(readable)
      return readable
    }
  }

  #theCookie(): unknown {
    if (!this.#hasCookie) {
      const end = this.#text.length - this.#start.length - (this.#start === '}' ? 0 : 1)
      this.#cookie = this.#origin.cookieOf(this.#text.slice(COOKIE_START, end))
      this.#hasCookie = true
    }
    return this.#cookie
  }

  #touch(name: string): Touched {
    for (const one of this.#touched) if (one.name === name) return one
    const at = this.#find(name)
    const one = { name, at, value: at === -1 ? undefined : this.#valueAt(at), isSet: false }
    this.#touched.push(one)
    return one
  }

  /** From the end: of two members of one name the last one counts. */
  #find(name: string): number {
    const members = this.#members
    const length = name.length + 2
    for (let at = members.length - PER_MEMBER; at >= 0; at -= PER_MEMBER) {
      const start = members[at]!
      if (members[at + 1]! - start === length && this.#text.startsWith(name, start)) return at
    }
    return -1
  }

  /** What is broken inside, although its brackets match, counts as absent. */
  #valueAt(at: number): unknown {
    try {
      return JSON.parse(this.#text.slice(this.#members[at + 1]!, this.#members[at + 2]!))
    } catch {
      return undefined
    }
  }

  /**
   * The attributes as text: those that nobody touched as they were.
   * @throws TypeError for what JSON cannot hold
   */
  attributes(): string {
    if (this.#isWhole) {
      const now = attributesOf(this.#target)
      return now === this.#readable ? this.#start : now
    }
    let pieces = ''
    let from = this.#text.length - this.#start.length
    const start = from
    let added = ''
    for (const { name, at, value } of this.#perhapsChanged()) {
      const member = memberOf(name, value)
      if (at === -1) {
        if (member !== '') added += `,${member}`
        continue
      }
      // a member less: rare, and commas to be seen to
      if (member === '') return attributesOf(this.whole())
      const begin = this.#members[at]! - 1
      const end = this.#members[at + 2]!
      if (this.#text.slice(begin, end) === member) continue
      pieces += this.#text.slice(from, begin) + member
      from = end
    }
    if (from === start && added === '') return this.#start
    const last = this.#text.length - 1
    const rest = pieces + this.#text.slice(from, last)
    return `${rest === '' ? added.slice(1) : rest + added}}`
  }

  /** As they stand in the text; what is not in there after the rest, as it was set. What was read and is no object is as it was. */
  #perhapsChanged(): readonly Touched[] {
    const some = this.#touched.filter(({ value, isSet }) => isSet || (typeof value === 'object' && value !== null))
    return some.length < 2 ? some : some.sort((one, other) => placeOf(one) - placeOf(other) || 0)
  }
}

function placeOf({ at }: Touched): number {
  return at === -1 ? Infinity : at
}

/** A member as `JSON.stringify` writes it; empty where it leaves it out. */
function memberOf(name: string, value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return `${JSON.stringify(name)}:${value}`
  return JSON.stringify({ [name]: value }).slice(1, -1)
}
