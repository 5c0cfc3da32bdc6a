import { SessionError } from '../../core/errors.ts'
import type { Prefixes } from './client.ts'

/**
 * What keys of the store are called. Whatever is kept beside the sessions does not begin as they do: older stores count, list and
 * clear all that begins with their prefix.
 */
export class Keys {
  /** Before the key of a record, in commands. */
  readonly records: string
  /** The same as the server has it. */
  readonly scanned: string
  readonly #side: string
  readonly #prefix: string
  readonly #hiddenSide: string | undefined

  constructor(prefix: string, { sentPrefix, hiddenPrefix }: Prefixes) {
    const side = sideOf(prefix)
    this.records = sentPrefix + prefix
    this.scanned = hiddenPrefix + this.records
    this.#side = sentPrefix + side
    this.#prefix = prefix
    // only an empty prefix has the side keys among its own
    this.#hiddenSide = prefix === '' ? hiddenPrefix + this.#side : undefined
  }

  /** The key of a user's index. */
  user(userId: string): string {
    return `${this.#side}users:${this.#prefix}${userId}`
  }

  /** Before the keys of a space. @throws SessionError `bad-argument` */
  space(name: string): string {
    if (!/^\w{1,40}$/.test(name)) {
      throw new SessionError('bad-argument', `The name of a space must be letters, digits and _, not ${JSON.stringify(name)}.`)
    }
    return `${this.#side}${name}:${this.#prefix}`
  }

  /** The channel on which removals are told. */
  get channel(): string {
    return `${this.#side}removed:${this.#prefix}`
  }

  /** The pattern of all records. */
  get pattern(): string {
    return `${this.scanned.replace(/[\\*?[\]]/g, '\\$&')}*`
  }

  /** The key of the record that the server has under this name; `undefined` when it is none. */
  recordKey(name: string): string | undefined {
    if (!name.startsWith(this.scanned) || (this.#hiddenSide !== undefined && name.startsWith(this.#hiddenSide))) return undefined
    return name.slice(this.scanned.length)
  }
}

/** Neither begins with the other. */
function sideOf(prefix: string): string {
  const apart = (side: string): boolean => prefix === '' || !(side.startsWith(prefix) || prefix.startsWith(side))
  return ['sessile:', '-sessile:', '_sessile:'].find(apart)!
}
