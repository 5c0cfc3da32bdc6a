import { grown } from './growing.ts'

const NONE = -1

/** Rows in the order of their last use: a doubly linked list in two columns. Kept only where `maxSessions` is given. */
export class UseOrder {
  #before = new Int32Array(16)
  #after = new Int32Array(16)
  #oldest = NONE
  #newest = NONE

  /** The row that was longest not used, or -1. */
  get oldest(): number {
    return this.#oldest
  }

  add(row: number): void {
    if (row >= this.#before.length) {
      this.#before = grown(this.#before, row, 0)
      this.#after = grown(this.#after, row, 0)
    }
    this.#before[row] = this.#newest
    this.#after[row] = NONE
    if (this.#newest === NONE) this.#oldest = row
    else this.#after[this.#newest] = row
    this.#newest = row
  }

  delete(row: number): void {
    const before = this.#before[row]!
    const after = this.#after[row]!
    if (before === NONE) this.#oldest = after
    else this.#after[before] = after
    if (after === NONE) this.#newest = before
    else this.#before[after] = before
  }

  use(row: number): void {
    if (row === this.#newest) return
    this.delete(row)
    this.add(row)
  }
}
