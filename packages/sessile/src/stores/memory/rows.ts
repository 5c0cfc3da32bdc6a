/**
 * The records as columns: a record is a row number, not an object. That takes half of the memory of a million objects,
 * and gives the garbage collector little to walk through. Columns come in pages, so that growing never copies what is there.
 */

const PAGE_BITS = 10
const PAGE_ROWS = 1 << PAGE_BITS
const MASK = PAGE_ROWS - 1
const NONE = -1

/** Columns of 1024 rows. A row is free when it has no key. What is read together lies side by side: memory is slower than the rest. */
export class Page {
  readonly #texts = new Array<string | undefined>(PAGE_ROWS * 3).fill(undefined)
  readonly #numbers = new Float64Array(PAGE_ROWS * 2)

  keyAt(at: number): string | undefined {
    return this.#texts[at * 3]
  }

  setKey(at: number, key: string | undefined): void {
    this.#texts[at * 3] = key
  }

  dataAt(at: number): string {
    return this.#texts[at * 3 + 1]!
  }

  setData(at: number, data: string): void {
    this.#texts[at * 3 + 1] = data
  }

  userAt(at: number): string | undefined {
    return this.#texts[at * 3 + 2]
  }

  setUser(at: number, userId: string | undefined): void {
    this.#texts[at * 3 + 2] = userId
  }

  expiryAt(at: number): number {
    return this.#numbers[at * 2]!
  }

  setExpiry(at: number, expiresAt: number): void {
    this.#numbers[at * 2] = expiresAt
  }

  /** In a free row: the next free row. */
  versionAt(at: number): number {
    return this.#numbers[at * 2 + 1]!
  }

  setVersion(at: number, version: number): void {
    this.#numbers[at * 2 + 1] = version
  }
}

/** The place of a row within its page. */
export function placeOf(row: number): number {
  return row & MASK
}

/** All rows of one store. A record stays in its row as long as it lives. */
export class Rows {
  readonly #pages: Page[] = []
  #end = 0
  #firstFree = NONE
  #count = 0

  /** How many rows are taken. */
  get count(): number {
    return this.#count
  }

  /** One more than the highest row that was ever taken. */
  get end(): number {
    return this.#end
  }

  pageOf(row: number): Page {
    return this.#pages[row >> PAGE_BITS]!
  }

  /** Takes a row for `key`; the other columns are for the caller to fill. */
  take(key: string): number {
    let row = this.#firstFree
    if (row === NONE) {
      row = this.#end++
      if (placeOf(row) === 0) this.#pages.push(new Page())
    } else {
      this.#firstFree = this.pageOf(row).versionAt(placeOf(row))
    }
    this.pageOf(row).setKey(placeOf(row), key)
    this.#count++
    return row
  }

  /** Gives a row back. */
  free(row: number): void {
    const page = this.pageOf(row)
    const at = placeOf(row)
    page.setKey(at, undefined)
    page.setData(at, '')
    page.setUser(at, undefined)
    page.setVersion(at, this.#firstFree)
    this.#firstFree = row
    this.#count--
  }
}
