/**
 * The records as columns: a record is a row number, not an object. That takes half of the memory of a million objects,
 * and gives the garbage collector little to walk through. Columns come in pages, so that growing never copies what is there.
 */

const PAGE_BITS = 10
const PAGE_ROWS = 1 << PAGE_BITS
const MASK = PAGE_ROWS - 1
const NONE = -1

/** Columns of 1024 rows. A row is free when it has no key. */
export interface Page {
  readonly keys: (string | undefined)[]
  readonly data: string[]
  readonly users: (string | undefined)[]
  readonly expiresAt: Float64Array
  /** In a free row: the next free row. */
  readonly versions: Float64Array
}

function newPage(): Page {
  return {
    keys: new Array<string | undefined>(PAGE_ROWS).fill(undefined),
    data: new Array<string>(PAGE_ROWS).fill(''),
    users: new Array<string | undefined>(PAGE_ROWS).fill(undefined),
    expiresAt: new Float64Array(PAGE_ROWS),
    versions: new Float64Array(PAGE_ROWS)
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
      if (placeOf(row) === 0) this.#pages.push(newPage())
    } else {
      this.#firstFree = this.pageOf(row).versions[placeOf(row)]!
    }
    this.pageOf(row).keys[placeOf(row)] = key
    this.#count++
    return row
  }

  /** Gives a row back. */
  free(row: number): void {
    const page = this.pageOf(row)
    const at = placeOf(row)
    page.keys[at] = undefined
    page.data[at] = ''
    page.users[at] = undefined
    page.versions[at] = this.#firstFree
    this.#firstFree = row
    this.#count--
  }
}
