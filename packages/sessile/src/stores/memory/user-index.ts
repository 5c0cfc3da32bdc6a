import { ShardedMap } from './sharded-map.ts'

/** Which rows are whose. Nearly every user has one session, so one row stands for itself and only more of them make a Set. */
export class UserIndex {
  readonly #rows = new ShardedMap<number | Set<number>>()

  add(userId: string, row: number): void {
    const known = this.#rows.get(userId)
    if (known === undefined) this.#rows.set(userId, row)
    else if (typeof known === 'object') known.add(row)
    else if (known !== row) this.#rows.set(userId, new Set([known, row]))
  }

  delete(userId: string, row: number): void {
    const known = this.#rows.get(userId)
    if (typeof known === 'object') {
      known.delete(row)
      if (known.size === 0) this.#rows.delete(userId)
    } else if (known === row) {
      this.#rows.delete(userId)
    }
  }

  of(userId: string): readonly number[] {
    const known = this.#rows.get(userId)
    if (known === undefined) return []
    return typeof known === 'object' ? [...known] : [known]
  }
}
