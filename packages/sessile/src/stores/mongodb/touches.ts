import { later } from '../../core/clock.ts'
import type { Collection } from './client.ts'

/** More go in a second command. */
const MOST = 100

export interface Touch {
  readonly key: string
  readonly expiresAt: number
}

interface Waiting extends Touch {
  readonly resolve: (lives: boolean | Promise<boolean>) => void
  readonly reject: (error: unknown) => void
}

/** What of a touch is to be written. */
export interface TouchWrite {
  readonly filter: Readonly<Record<string, unknown>>
  readonly update: object
}

/**
 * Touches; those of one turn of the event loop are one command, which tells how many of them found their session. Where all did, all are
 * answered; else each is made again by itself, which changes nothing of what was done.
 */
export class Touches {
  readonly #ask: <T>(call: (collection: Collection) => Promise<T>) => Promise<T>
  readonly #write: (touch: Touch) => TouchWrite
  readonly #options: () => object
  readonly #alone: (touch: Touch) => Promise<boolean>
  #waiting: Waiting[] = []

  /**
   * @param ask runs a call on the collection
   * @param alone makes one touch, and finds out what became of it
   */
  constructor(
    ask: <T>(call: (collection: Collection) => Promise<T>) => Promise<T>,
    write: (touch: Touch) => TouchWrite,
    options: () => object,
    alone: (touch: Touch) => Promise<boolean>
  ) {
    this.#ask = ask
    this.#write = write
    this.#options = options
    this.#alone = alone
  }

  touch(key: string, expiresAt: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ key, expiresAt, resolve, reject }) === 1) later(() => this.#sendAll())
    })
  }

  #sendAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (let from = 0; from < waiting.length; from += MOST) void this.#send(waiting.slice(from, from + MOST))
  }

  async #send(waiting: readonly Waiting[]): Promise<void> {
    try {
      if (waiting.length > 1 && (await this.#found(waiting)) === waiting.length) for (const { resolve } of waiting) resolve(true)
      else for (const one of waiting) one.resolve(this.#alone(one))
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }

  /** @returns how many found their session, none where one of them was refused: then each is told for itself */
  async #found(touches: readonly Touch[]): Promise<number> {
    const operations = touches.map((touch) => ({ updateOne: this.#write(touch) }))
    try {
      return (await this.#ask((collection) => collection.bulkWrite(operations, { ...this.#options(), ordered: false }))).matchedCount
    } catch (error) {
      if ((error as { name?: unknown }).name === 'MongoBulkWriteError') return 0
      throw error
    }
  }
}
