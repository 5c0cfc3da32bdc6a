import { Trouble } from '../command.ts'
import { type Answer, Client, laidOver, type Question, type SetCookie } from './client.ts'
import { KNOWN_NAMES } from './known-names.ts'

/** What is known of the site that is looked at. Paths begin with `/`. */
export interface Target {
  readonly url: URL
  /** A page whose GET begins a session; absent: the page at `url`, if it does. */
  readonly sessionPath?: string | undefined
  readonly loginPath?: string | undefined
  readonly logoutPath?: string | undefined
  /** A page for signed-in users alone. */
  readonly protectedPath?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
  readonly userField: string
  readonly passwordField: string
  /** Whether the sign-in takes a form; otherwise JSON. */
  readonly form: boolean
  /** The session cookie's name, when it cannot be guessed. */
  readonly cookieName?: string | undefined
  /** Speak as the proxy that ends TLS in front of it does. */
  readonly behindProxy: boolean
  /** How many ids are looked at. */
  readonly samples: number
  /** How long it may wait for a session to run out, ms. */
  readonly waitMs: number
  /** When a session ends that nobody uses, as the site says, ms; absent: it is not waited for. */
  readonly idleMs?: number | undefined
  /** When a session ends whatever happens, as the site says, ms; absent: it is not waited for. */
  readonly absoluteMs?: number | undefined
  /** Where a signed-in user changes the password, and the names of the two fields. */
  readonly changePath?: string | undefined
  readonly currentField: string
  readonly newField: string
  /** Where somebody new registers. */
  readonly registerPath?: string | undefined
  /** A secret that was taken out of the list: nothing it signs may be taken. */
  readonly retiredSecret?: string | undefined
}

/** A session cookie, as it was set and as it is sent back. */
export interface Held {
  readonly set: SetCookie
  /** The Cookie header of a browser that keeps all cookies. */
  readonly header: string
  readonly answer: Answer
}

/** The site under audit, and how its sessions are begun and recognised. */
export class Probe {
  readonly target: Target
  readonly client: Client
  /** What the address itself answers, to somebody new. */
  readonly home: Answer
  readonly cookieName: string
  /** What begins a session without signing in; `undefined` where nothing is known to. */
  readonly sessionPath: string | undefined

  private constructor(target: Target, client: Client, home: Answer, cookieName: string, sessionPath: string | undefined) {
    this.target = target
    this.client = client
    this.home = home
    this.cookieName = cookieName
    this.sessionPath = sessionPath
  }

  /** @throws Trouble when the site does not answer, or no session is to be seen */
  static async of(target: Target): Promise<Probe> {
    const client = new Client(target.url, target.behindProxy ? { 'x-forwarded-proto': 'https' } : {})
    try {
      const path = target.url.pathname + target.url.search
      const home = await client.ask(path)
      const begun = target.sessionPath ? await client.ask(target.sessionPath) : home
      let found = sessionCookie(begun, target.cookieName)
      if (!found) {
        // some sites begin none for a page that is only read, but for whoever does not ask for a page
        const { accept } = client
        client.accept = '*/*'
        found = sessionCookie(await client.ask(target.sessionPath ?? path), target.cookieName)
        if (!found) client.accept = accept
      }
      const sessionPath = found ? (target.sessionPath ?? path) : undefined
      if (!found && canSignIn(target)) found = sessionCookie(await client.ask(target.loginPath!, signingIn(target)), target.cookieName)
      if (!found) {
        const hint = target.loginPath
          ? `Signing in at ${target.loginPath} set none; look at --user, --user-field, --password-field, --form and SESSILE_PASSWORD.`
          : 'Name a page that begins a session with --session, or where to sign in with --login and --user.'
        throw new Trouble(`No session cookie was seen at ${target.url.href}. ${hint}`)
      }
      return new Probe(target, client, home, found.name, sessionPath)
    } catch (error) {
      client.close()
      throw error
    }
  }

  get canSignIn(): boolean {
    return canSignIn(this.target)
  }

  /** The session's cookie in an answer, if it set one. */
  own(answer: Answer): SetCookie | undefined {
    return answer.cookies.find(({ name, value }) => name === this.cookieName && value !== '')
  }

  /** A visitor's session; `undefined` where none can be begun without signing in. */
  async visit(cookie?: string): Promise<Held | undefined> {
    if (this.sessionPath === undefined) return undefined
    const answer = await this.client.ask(this.sessionPath, { cookie })
    const set = this.own(answer)
    return set && { set, header: laidOver(cookie, answer.cookies), answer }
  }

  /** Signs in. @param cookie what the browser had before */
  async signIn(cookie?: string, more: Question = {}): Promise<Held | undefined> {
    const answer = await this.client.ask(this.target.loginPath!, { ...signingIn(this.target), cookie, ...more })
    const set = this.own(answer)
    return set && { set, header: laidOver(cookie, answer.cookies), answer }
  }

  /** Ends the sessions of users that were begun, where it is known how. */
  async signOutAll(): Promise<void> {
    const { logoutPath } = this.target
    if (logoutPath === undefined) return
    const isHeld = (header: string): boolean => header.split('; ').some((pair) => pair.startsWith(`${this.cookieName}=`))
    for (const cookie of this.client.begunByPost.filter(isHeld))
      await this.client.ask(logoutPath, { method: 'POST', cookie, headers: { 'sec-fetch-site': 'same-origin' } })
  }

  /** A session by whatever way there is: a visitor's first. @throws Trouble */
  async begin(): Promise<Held> {
    const held = (await this.visit()) ?? (this.canSignIn ? await this.signIn() : undefined)
    if (held) return held
    throw new Trouble(`No session began any more at ${this.sessionPath ?? this.target.loginPath}; is there a limit on sign-ins?`)
  }

  /** The Cookie header with another value for the session. */
  with(header: string, value: string): string {
    return header
      .split('; ')
      .map((pair) => (pair.startsWith(`${this.cookieName}=`) ? `${this.cookieName}=${value}` : pair))
      .join('; ')
  }

  /** Whether the page for signed-in users is shown. */
  isSignedIn(answer: Answer): boolean {
    return answer.status >= 200 && answer.status < 300
  }

  /** The page for signed-in users, as that cookie gets it. */
  async protectedAnswer(cookie: string | undefined, path = this.target.protectedPath!): Promise<Answer> {
    return this.client.ask(path, { cookie })
  }

  /**
   * Whether a request finds the session that `held` began: by the page for users where there is one, else by whether the site
   * sees somebody new in it and begins another session.
   */
  async recognises(question: Question, held: Held, path?: (path: string) => string): Promise<boolean | undefined> {
    const { protectedPath } = this.target
    const asked = (plain: string) => this.client.ask(path ? path(plain) : plain, question)
    if (protectedPath !== undefined && this.canSignIn) return this.isSignedIn(await asked(protectedPath))
    if (this.sessionPath === undefined) return undefined
    const answer = await asked(this.sessionPath)
    if (answer.status >= 400) return false
    const set = this.own(answer)
    return set === undefined || set.value === held.set.value
  }

  /** What `recognises` works on: signed in where that is possible and needed. */
  async recognisable(): Promise<Held> {
    const held = this.target.protectedPath !== undefined && this.canSignIn ? await this.signIn() : await this.visit()
    return held ?? this.begin()
  }
}

function canSignIn({ loginPath, user, password }: Target): boolean {
  return loginPath !== undefined && user !== undefined && password !== undefined
}

/** The request that signs in. */
export function signingIn(target: Target, user = target.user, password = target.password): Question {
  const fields = { [target.userField]: user ?? '', [target.passwordField]: password ?? '' }
  return {
    method: 'POST',
    headers: { 'content-type': target.form ? 'application/x-www-form-urlencoded' : 'application/json', 'sec-fetch-site': 'same-origin' },
    body: target.form ? new URLSearchParams(fields).toString() : JSON.stringify(fields)
  }
}

/** Which cookie of an answer is the session's: the named one, one with a usual name, else what looks most like an id. */
function sessionCookie({ cookies }: Answer, name: string | undefined): SetCookie | undefined {
  const set = cookies.filter(({ value }) => value !== '')
  if (name !== undefined) return set.find((one) => one.name === name)
  const bare = (one: SetCookie) => one.name.replace(/^__(Host|Secure|Host-Http|Http)-/i, '')
  return (
    set.find((one) => KNOWN_NAMES.has(bare(one).toLowerCase())) ??
    set.find((one) => /sess|sid\b|sid$|auth|login/i.test(bare(one)) && one.value.length >= 8) ??
    set
      .filter((one) => one.value.length >= 16)
      .sort((one, other) => Number('httponly' in other.attributes) - Number('httponly' in one.attributes))[0] ??
    set.find((one) => 'httponly' in one.attributes)
  )
}
