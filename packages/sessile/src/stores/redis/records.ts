import { CHANGED, GONE, TAKEN } from '../../core/backend.ts'
import type { CreateResult, MaybePromise, NewRecord, SessionBackend, StoredRecord, SwapResult, Version } from '../../core/backend.ts'
import { chain } from '../../core/maybe.ts'
import type { RedisConnection } from './client.ts'
import { splitOwner } from './format.ts'
import type { RedisLink } from './link.ts'
import type { SerializedText, Serializing } from './serializing.ts'
import { EXTEND, READ, REMOVE, run, SWAP, SWAP_CHANGED, SWAPPED, type Script } from './statements.ts'

/** Records under one prefix, each operation one round trip. The version of a record is its text as it is stored. */
export class RedisRecords implements SessionBackend {
  readonly name = 'redis'
  readonly traits = { shared: true, atomicSwap: true } as const
  protected readonly link: RedisLink
  protected readonly serializing: Serializing | undefined
  readonly #prefix: string

  /** @param serializing where what is stored is not the text of a record itself */
  constructor(link: RedisLink, prefix: string, serializing?: Serializing) {
    this.link = link
    this.serializing = serializing
    this.#prefix = prefix
  }

  read(key: string): Promise<StoredRecord | undefined> {
    return this.script(READ, key).then((reply) => recordOf(reply, this.serializing))
  }

  create(key: string, { data, expiresAt }: NewRecord): Promise<CreateResult> {
    return this.link.use((connection) => this.createOver(connection, key, data, expiresAt))
  }

  /** One command: Redis decides between two at once, and what has expired is not there any more. */
  protected createOver(connection: RedisConnection, key: string, text: string, expiresAt: number): Promise<CreateResult> {
    const name = this.#prefix + key
    const at = expiryText(expiresAt)
    const command = at === '' ? ['SET', name, text, 'NX'] : ['SET', name, text, 'NX', 'PXAT', at]
    return connection.command(name, command).then((reply) => (reply === null ? TAKEN : { outcome: 'done', version: text }))
  }

  swap(key: string, expected: Version, { data, expiresAt }: NewRecord): Promise<SwapResult> {
    return this.link.use((connection) => this.swapOver(connection, key, expected, data, expiresAt))
  }

  protected swapOver(connection: RedisConnection, key: string, expected: Version, text: string, expiresAt: number): Promise<SwapResult> {
    return run(connection, SWAP, this.#prefix + key, String(expected), text, expiryText(expiresAt)).then((reply) =>
      reply === SWAPPED ? { outcome: 'done', version: text } : reply === SWAP_CHANGED ? CHANGED : GONE
    )
  }

  extend(key: string, expiresAt: number, _userId?: string): Promise<boolean> {
    return this.link.use((connection) => this.extendOver(connection, key, expiresAt))
  }

  protected extendOver(connection: RedisConnection, key: string, expiresAt: number): Promise<boolean> {
    return run(connection, EXTEND, this.#prefix + key, expiryText(expiresAt)).then((reply) => reply === 1)
  }

  remove(key: string): Promise<StoredRecord | undefined> {
    return this.script(REMOVE, key, '', '').then((reply) => recordOf(reply, this.serializing))
  }

  protected script(script: Script, key: string, ...args: string[]): Promise<unknown> {
    return this.link.use((connection) => run(connection, script, this.#prefix + key, ...args))
  }
}

/** What a script found: the text and its end. */
export function recordOf(reply: unknown, serializing: Serializing | undefined): MaybePromise<StoredRecord | undefined> {
  if (reply === null) return undefined
  const [version, end] = reply as [string, number]
  const expiresAt = end < 0 ? Infinity : end
  return chain<SerializedText, StoredRecord>(serializing ? serializing.parse(version) : { text: version }, ({ text, object }) => {
    const { data, owner } = splitOwner(text)
    const record = object ? { data, version, expiresAt, object } : { data, version, expiresAt }
    return owner ? { ...record, userId: owner.userId } : record
  })
}

/** The last moment of a Date. */
const LAST_MOMENT = 8.64e15

/** An end as the scripts take it: whole milliseconds, nothing for never. */
function expiryText(expiresAt: number): string {
  return expiresAt > LAST_MOMENT ? '' : String(Math.max(1, Math.ceil(expiresAt)))
}
