import { faultOf } from './password-rules.ts'
import type { Passwords } from './passwords.ts'
import type { User, UserRepository } from './repository.ts'

export type { User } from './repository.ts'

/** A new user as asked for. */
export interface Registration {
  readonly username: string
  readonly email: string
  readonly password: string
}

export type Registered =
  | { readonly outcome: 'registered'; readonly user: User }
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'weak-password'; readonly reason: string }

/** Somebody whose password was right. */
export interface Authenticated {
  readonly user: User
  /** The hash that it was right by. */
  readonly by: string
}

/** The rules of accounts: who may be whom. Sessions are the router's affair. */
export class Accounts {
  readonly #users: UserRepository
  readonly #passwords: Passwords

  constructor(users: UserRepository, passwords: Passwords) {
    this.#users = users
    this.#passwords = passwords
  }

  async register({ username, email, password }: Registration): Promise<Registered> {
    const reason = faultOf(password, [username, email])
    if (reason !== undefined) return { outcome: 'weak-password', reason }
    // Asked first because hashing is dear; what decides is the insert.
    if (await this.#users.isTaken(username, email)) return { outcome: 'taken' }
    const passwordHash = await this.#passwords.hash(password)
    const user = await this.#users.add({ username, email, passwordHash, role: 'user' })
    return user ? { outcome: 'registered', user } : { outcome: 'taken' }
  }

  /**
   * The user with this name (or email) and password. It takes the same time whether or not the name is anybody's.
   * @returns `undefined` for a wrong name or password: which of the two is not told
   */
  async authenticate(name: string, password: string): Promise<Authenticated | undefined> {
    const found = await this.#users.byName(name)
    if (!(await this.#passwords.matches(password, found?.passwordHash)) || !found) return undefined
    const { passwordHash, ...user } = found
    if (!this.#passwords.isOutdated(passwordHash)) return { user, by: passwordHash }
    const by = await this.#passwords.hash(password)
    await this.#users.replacePasswordHash(user.id, passwordHash, by)
    return { user, by }
  }

  /**
   * Whether a password that was right when it was looked at still is. Asked once the session is the user's: a change of the
   * password at the same moment, which ends all other sessions, has either ended that one or is seen here.
   */
  async isStillCurrent({ user, by }: Authenticated): Promise<boolean> {
    return (await this.#users.passwordHashOf(user.id)) === by
  }

  /** Whether it is the user's password. */
  async confirm(userId: number, password: string): Promise<boolean> {
    return this.#passwords.matches(password, await this.#users.passwordHashOf(userId))
  }

  /** What is wrong with a password that a user wants to have, in words. */
  faultOfNewPassword(user: User, password: string): string | undefined {
    return faultOf(password, [user.username, user.email])
  }

  /**
   * @param next one that nothing is wrong with
   * @returns whether the current password was right
   */
  async changePassword(user: User, current: string, next: string): Promise<boolean> {
    const old = await this.#users.passwordHashOf(user.id)
    if (!(await this.#passwords.matches(current, old)) || old === undefined) return false
    return this.#users.replacePasswordHash(user.id, old, await this.#passwords.hash(next))
  }

  /** Whose account a name means, for counting failures: username and email are one account, a name of nobody is one as well. */
  async accountOf(name: string): Promise<string> {
    const found = await this.#users.byName(name)
    return found ? `user:${found.id}` : `name:${name.normalize('NFC').toLowerCase()}`
  }

  /** Read afresh, so that a changed role counts with the next request. */
  async user(id: number | string): Promise<User | undefined> {
    return this.#users.byId(Number(id))
  }

  async count(): Promise<number> {
    return this.#users.count()
  }
}
