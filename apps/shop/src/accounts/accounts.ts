import type { PasswordDue } from '../database/schema.ts'
import { faultOf } from './password-rules.ts'
import type { Passwords } from './passwords.ts'
import type { Account, User, UserRepository } from './repository.ts'

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

/** Somebody who may sign in. */
export interface Authenticated {
  readonly user: User
  /** The hash that the password was right by. */
  readonly by: string
  readonly passwordDue: PasswordDue | null
  /** Whether that hash was made just now, in place of an older one. */
  readonly wasRehashed: boolean
}

/** Why somebody may not: told to the audit log alone. */
export type NotAuthenticated = 'no-such-user' | 'wrong-password' | 'disabled' | 'unknown-device'

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
   * @param isKnown whether the account knows the device that asks
   */
  async authenticate(
    name: string,
    password: string,
    isKnown: (userId: number) => Promise<boolean>
  ): Promise<Authenticated | NotAuthenticated> {
    const found = await this.#users.byName(name)
    if (!(await this.#passwords.matches(password, found?.passwordHash))) return found ? 'wrong-password' : 'no-such-user'
    if (!found) return 'no-such-user'
    if (found.disabledAt !== null) return 'disabled'
    if (found.passwordDue === 'known-device' && !(await isKnown(found.id))) return 'unknown-device'
    const { passwordHash, passwordDue } = found
    if (!this.#passwords.isOutdated(passwordHash)) return { user: shown(found), by: passwordHash, passwordDue, wasRehashed: false }
    const by = await this.#passwords.hash(password)
    await this.#users.replacePasswordHash(found.id, passwordHash, by, false)
    return { user: shown(found), by, passwordDue, wasRehashed: true }
  }

  /**
   * Whether who was let in when it was looked at still is. Asked once the session is the user's: whatever closed the account or changed
   * its password at the same moment, and ended all sessions, has either ended that one or is seen here.
   */
  async isStillCurrent({ user, by, passwordDue }: Authenticated): Promise<boolean> {
    const now = await this.#users.account(user.id)
    return now?.passwordHash === by && now.disabledAt === null && now.passwordDue === passwordDue
  }

  /** Whether it is the user's password. */
  async confirm(userId: number, password: string): Promise<boolean> {
    return this.#passwords.matches(password, (await this.#users.account(userId))?.passwordHash)
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
    const old = (await this.#users.account(user.id))?.passwordHash
    if (!(await this.#passwords.matches(current, old)) || old === undefined) return false
    return this.#users.replacePasswordHash(user.id, old, await this.#passwords.hash(next), true)
  }

  /** @returns whether nobody else has that email */
  async changeEmail(user: User, email: string): Promise<boolean> {
    return this.#users.changeEmail(user.id, email)
  }

  /** The user says that somebody else signed in: until there is another password, it signs in from known devices, and to change it. */
  async distrustPassword(userId: number): Promise<void> {
    await this.#users.setPasswordDue(userId, 'known-device')
  }

  /** Whose account a name means, for counting failures: username and email are one account, a name of nobody is one as well. */
  async accountOf(name: string): Promise<CountedAccount> {
    const found = await this.#users.byName(name)
    return found ? countedAs(found.id) : { key: `name:${name.normalize('NFC').toLowerCase()}`, userId: undefined }
  }

  /** Read afresh, so that a changed role counts with the next request. @returns `undefined` for one that is gone, or closed */
  async user(id: number | string): Promise<User | undefined> {
    return this.#users.byId(Number(id))
  }

  async count(): Promise<number> {
    return this.#users.count()
  }
}

/** What failures are counted under. */
export interface CountedAccount {
  readonly key: string
  readonly userId: number | undefined
}

export function countedAs(userId: number): CountedAccount {
  return { key: `user:${userId}`, userId }
}

function shown({ id, username, email, role }: Account): User {
  return { id, username, email, role }
}
