import { hash, verify } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'
import { normalised } from './password-rules.ts'

/** OWASP's setting for Argon2id (the library's default kind): 19 MiB, two passes, one lane. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const CURRENT = '$argon2id$v=19$m=19456,t=2,p=1$'

/** For the policy: what an auditor asks of the hashes. */
export const PASSWORD_CRYPTOGRAPHY = {
  purpose: 'Passwords',
  algorithm: `Argon2id, m=${ARGON2.memoryCost} KiB, t=${ARGON2.timeCost}, p=${ARGON2.parallelism}; older hashes are made anew at the next sign-in`,
  key: 'none; 16 random bytes of salt each'
}

/** How many hashes are computed at once: it bounds the memory, and leaves Node's other helper threads to the files. */
const AT_ONCE = 2
/** How many wait for their turn; at 30 a second that is half a minute, and nobody waits longer. */
const MAX_WAITING = 1_000

/** So many passwords are being looked at that one more would wait too long. */
export class TooBusy extends Error {}

export interface Passwords {
  /** A PHC string to store. */
  hash(password: string): Promise<string>
  /**
   * Compares a password with a stored hash, Argon2 or an older system's bcrypt.
   * @param stored `undefined` where there is no such user: it takes the same time, and never matches
   */
  matches(password: string, stored: string | undefined): Promise<boolean>
  /** Whether a stored hash should be made anew, now that its password is at hand. */
  isOutdated(stored: string): boolean
}

/** Hashing and comparing, off the event loop, a few at a time. */
export async function createPasswords(): Promise<Passwords> {
  const limited = atMost(AT_ONCE)
  const nobodys = await hash('the password of a user that does not exist', ARGON2)
  return {
    hash: (password) => limited(() => hash(normalised(password), ARGON2)),
    async matches(password, stored) {
      const text = normalised(password)
      if (stored?.startsWith('$2')) return limited(() => verifyBcrypt(text, stored))
      const matched = await limited(() => verify(stored ?? nobodys, text))
      return matched && stored !== undefined
    },
    isOutdated: (stored) => !stored.startsWith(CURRENT)
  }
}

/**
 * Runs what it is given, no more than so many at once, in the order of arrival.
 * @throws TooBusy
 */
function atMost(limit: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async (work) => {
    if (waiting.length >= MAX_WAITING) throw new TooBusy('Too many passwords are waiting to be hashed.')
    if (running < limit) running++
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      // Whoever waits takes over the place: the count stays.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
