import { now } from '../core/clock.ts'
import { newTag } from '../core/ids.ts'
import { land, readFrom, type Room } from './land-once.ts'

/** A part of the log that has so many entries takes no more; the last batch may go past it. */
const FULL = 256
const MAX_BATCH = 256
/** Numbers of entries: the part's number, then the place in it. */
const SPAN = 1024
const TAGS_KEPT = 16

/** An entry with its number; later ones have higher numbers. */
export interface Numbered<T> {
  readonly seq: number
  readonly entry: T
}

interface Part<T> {
  readonly e: T[]
  readonly t: string[]
}

interface Batch<T> {
  readonly entries: T[]
  readonly tag: string
  /** Where it may have landed. */
  part?: number
}

/**
 * A list that all processes append to and read, in parts of some hundred entries, on nothing but the operations of a store.
 * Each entry is appended once, also when answers are lost; a part is forgotten `keepMs` after it was last written.
 */
export class SharedLog<T> {
  readonly #room: Room
  readonly #name: string
  readonly #keepMs: number
  readonly #maxPending: number
  readonly #pending: T[] = []
  #batch: Batch<T> | undefined
  #dropped = 0
  #flushing: Promise<void> | undefined
  /** The last part that is known. */
  #last: number | undefined

  constructor(room: Room, name: string, { keepMs, maxPending = 2000 }: { keepMs: number; maxPending?: number }) {
    this.#room = room
    this.#name = name
    this.#keepMs = keepMs
    this.#maxPending = maxPending
  }

  /** How many entries there was no room for since the process began. */
  get dropped(): number {
    return this.#dropped
  }

  /** Notes an entry; nothing is stored yet. */
  append(entry: T): void {
    if (this.#pending.length >= this.#maxPending) this.#dropped += 1
    else this.#pending.push(entry)
  }

  /** Stores what was appended. @throws the store's error; the rest stays for the next time */
  async flush(): Promise<void> {
    while (this.#flushing) await this.#flushing.catch(() => {})
    this.#flushing = this.#write().finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #write(): Promise<void> {
    for (;;) {
      this.#batch ??= this.#pending.length > 0 ? { entries: this.#pending.splice(0, MAX_BATCH), tag: newTag() } : undefined
      const batch = this.#batch
      if (!batch) return
      // one that may have landed is looked for where it was sent first
      for (let part = batch.part ?? (await this.#findLast()); ; part += 1) {
        batch.part = part
        if (await this.#appended(part, batch)) break
      }
      await this.#pointTo(batch.part)
      this.#batch = undefined
    }
  }

  async #appended(number: number, batch: Batch<T>): Promise<boolean> {
    let isFull = false
    await land(this.#room, this.#key(number), (data) => {
      const { e, t } = partOf<T>(data)
      if (t.includes(batch.tag)) return undefined
      isFull = e.length >= FULL
      if (isFull) return undefined
      const part: Part<T> = { e: [...e, ...batch.entries], t: [...t, batch.tag].slice(-TAGS_KEPT) }
      return { data: JSON.stringify(part), expiresAt: now() + this.#keepMs }
    })
    return !isFull
  }

  /** Says where the log goes on, for those who come anew; they look further from there. */
  async #pointTo(number: number): Promise<void> {
    if (this.#last === number) return
    const before = this.#last
    this.#last = number
    if (before !== undefined && number <= before) return
    await land(this.#room, `${this.#name}/last`, (data) => {
      const there = Number(data ?? -1)
      return there >= number ? undefined : { data: String(number), expiresAt: now() + 2 * this.#keepMs + 86_400_000 }
    })
  }

  async #findLast(): Promise<number> {
    let number = this.#last ?? Number((await readFrom(this.#room, `${this.#name}/last`))?.data ?? 0)
    while ((await this.#read(number)).length >= FULL) {
      if ((await this.#read(number + 1)).length === 0) return number + 1
      number += 1
    }
    return number
  }

  async #read(number: number): Promise<T[]> {
    return number < 0 ? [] : partOf<T>((await readFrom(this.#room, this.#key(number)))?.data).e
  }

  #key(number: number): string {
    return `${this.#name}/${number}`
  }

  /** The number that an entry would get that came now, or less. */
  async end(): Promise<number> {
    const last = await this.#findLast()
    return last * SPAN + (await this.#read(last)).length
  }

  /**
   * Entries from the newest to the oldest.
   * @param before only those with lower numbers
   * @param limit at most so many; there are more when `next` is given
   */
  async newest(before: number | undefined, limit: number): Promise<{ entries: Numbered<T>[]; next: number | undefined }> {
    const entries: Numbered<T>[] = []
    let part = before === undefined ? await this.#findLast() : Math.floor(before / SPAN)
    let below = before ?? Infinity
    for (let empty = 0; part >= 0 && empty < 2; part -= 1) {
      const all = await this.#read(part)
      // older parts are forgotten in their order
      empty = all.length === 0 ? empty + 1 : 0
      for (let place = all.length - 1; place >= 0; place -= 1) {
        const seq = part * SPAN + place
        if (seq >= below) continue
        if (entries.length >= limit) return { entries, next: entries.at(-1)!.seq }
        entries.push({ seq, entry: all[place]! })
      }
      below = Infinity
    }
    return { entries, next: undefined }
  }

  /**
   * Entries after a number, from the oldest to the newest.
   * @returns `gap` when some that came after it may be forgotten, or there are more than `limit`
   */
  async after(seq: number, limit: number): Promise<{ entries: Numbered<T>[]; gap: boolean }> {
    const last = await this.#findLast()
    const first = Math.floor((seq + 1) / SPAN)
    if (last - first > Math.ceil(limit / FULL) + 1) return { entries: [], gap: true }
    const entries: Numbered<T>[] = []
    let gap = first > last + 1
    for (let part = first; part <= last; part += 1) {
      const all = await this.#read(part)
      if (all.length === 0 && part < last) gap = true
      for (const [place, entry] of all.entries()) if (part * SPAN + place > seq) entries.push({ seq: part * SPAN + place, entry })
    }
    return entries.length > limit ? { entries: [], gap: true } : { entries, gap }
  }

  /** Changes entries in place, in all parts that are kept; `change` gives the entry itself where it is to stay as it is. */
  async rewrite(change: (entry: T) => T): Promise<number> {
    let changed = 0
    let empty = 0
    for (let part = await this.#findLast(); part >= 0; part -= 1) {
      const found = await this.#rewritePart(part, change)
      if (found === undefined) empty += 1
      // older parts are forgotten in their order
      if (empty === 2) break
      changed += found ?? 0
    }
    for (const [place, entry] of this.#pending.entries()) this.#pending[place] = change(entry)
    return changed
  }

  /** @returns how many were changed; `undefined` when the part is not there */
  async #rewritePart(part: number, change: (entry: T) => T): Promise<number | undefined> {
    let changed: number | undefined
    await land(this.#room, this.#key(part), (data, expiresAt) => {
      const { e, t } = partOf<T>(data)
      const next = e.map(change)
      changed = e.length === 0 ? undefined : next.filter((entry, place) => entry !== e[place]).length
      return changed ? { data: JSON.stringify({ e: next, t } satisfies Part<T>), expiresAt } : undefined
    })
    return changed
  }
}

function partOf<T>(data: string | undefined): Part<T> {
  try {
    const { e = [], t = [] } = JSON.parse(data ?? '{}') as Partial<Part<T>>
    return { e, t }
  } catch {
    return { e: [], t: [] }
  }
}
