import { grown } from './growing.ts'

const NOT_QUEUED = -1
/** Seconds are kept in 31 bits, from the year 2020 on; whatever ends after 2088 is not queued at all. */
const EPOCH_SECONDS = 1_577_836_800
const NEVER = 0x7fffffff

/**
 * Which rows to look at next, by the second in which they expire: a heap with four children per node, so that neither
 * sweeping nor anything else walks through all records.
 *
 * A row is queued at a time at which it may have expired, never later than it does. A longer life (nearly every
 * request gives one) leaves it where it is; it moves when its turn comes.
 */
export class ExpiryQueue {
  #seconds = new Int32Array(16)
  #rows = new Int32Array(16)
  /** Where each row stands in the heap. */
  #places = new Int32Array(16).fill(NOT_QUEUED)
  #size = 0

  /** Sees to it that the row comes up once `expiresAt` has passed, or before. */
  set(row: number, expiresAt: number): void {
    const second = secondOf(expiresAt)
    const place = this.#placeOf(row)
    if (place === NOT_QUEUED) {
      if (second !== NEVER) this.#push(row, second)
    } else if (second < this.#seconds[place]!) {
      this.#up(place, row, second)
    }
  }

  /** The first row whose second has passed, or -1. It stays queued. */
  first(now: number): number {
    return this.#size > 0 && this.#seconds[0]! <= secondsPassed(now) ? this.#rows[0]! : -1
  }

  /** Queues a row anew, at the time at which it really expires. */
  requeue(row: number, expiresAt: number): void {
    this.delete(row)
    this.set(row, expiresAt)
  }

  delete(row: number): void {
    const place = this.#placeOf(row)
    if (place === NOT_QUEUED) return
    this.#places[row] = NOT_QUEUED
    const last = --this.#size
    if (place === last) return
    const moved = this.#rows[last]!
    const second = this.#seconds[last]!
    if (second < this.#seconds[place]!) this.#up(place, moved, second)
    else this.#down(place, moved, second)
  }

  #placeOf(row: number): number {
    return row < this.#places.length ? this.#places[row]! : NOT_QUEUED
  }

  #push(row: number, second: number): void {
    if (row >= this.#places.length) this.#places = grown(this.#places, row, NOT_QUEUED)
    if (this.#size === this.#rows.length) {
      this.#rows = grown(this.#rows, this.#size, 0)
      this.#seconds = grown(this.#seconds, this.#size, 0)
    }
    this.#up(this.#size++, row, second)
  }

  #up(from: number, row: number, second: number): void {
    let place = from
    while (place > 0) {
      const parent = (place - 1) >> 2
      if (this.#seconds[parent]! <= second) break
      this.#put(place, this.#rows[parent]!, this.#seconds[parent]!)
      place = parent
    }
    this.#put(place, row, second)
  }

  #down(from: number, row: number, second: number): void {
    let place = from
    for (;;) {
      const firstChild = place * 4 + 1
      const end = Math.min(firstChild + 4, this.#size)
      let least = firstChild
      for (let child = firstChild + 1; child < end; child++) {
        if (this.#seconds[child]! < this.#seconds[least]!) least = child
      }
      if (firstChild >= this.#size || this.#seconds[least]! >= second) break
      this.#put(place, this.#rows[least]!, this.#seconds[least]!)
      place = least
    }
    this.#put(place, row, second)
  }

  #put(place: number, row: number, second: number): void {
    this.#rows[place] = row
    this.#seconds[place] = second
    this.#places[row] = place
  }
}

/** The second at whose beginning a record is certainly over. */
function secondOf(expiresAt: number): number {
  const second = Math.ceil(expiresAt / 1000) - EPOCH_SECONDS
  return second < NEVER ? Math.max(second, 0) : NEVER
}

function secondsPassed(now: number): number {
  return Math.floor(now / 1000) - EPOCH_SECONDS
}
