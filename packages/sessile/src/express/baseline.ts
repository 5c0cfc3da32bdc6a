import { attributesText } from './text.ts'

/** What a request's session is measured against: how it was at the start, and how it was saved last. */
export class Baseline {
  /** The id at the start; another one means "modified". */
  id: string | undefined
  /** The stored session whose attributes are the start; they are cut out when they are needed. */
  #stored: { readonly text: string } | undefined
  #attributes: string | undefined
  #savedId: string | undefined
  /** Absent with a `savedId`: the start itself needs no saving. */
  #savedAttributes: string | undefined
  /** Whether changes were stored that the present start does not show. */
  hasStoredChanges = false

  /** A session that was loaded. @param isSaved whether it needs no saving as it is */
  loaded(id: string, stored: { readonly text: string }, isSaved: boolean): void {
    this.id = id
    this.#stored = stored
    this.#attributes = undefined
    this.#savedId = isSaved ? id : undefined
    this.#savedAttributes = undefined
  }

  /** A new session; later ones of the same request are measured against the first. */
  made(id: string, attributes = '}'): void {
    if (this.id !== undefined) return
    this.id = id
    this.#attributes = attributes
  }

  /** What was reloaded is the start from now on; it needs no saving where what was there before needed none. */
  reloaded(stored: { readonly text: string }): void {
    if (this.#savedAttributes !== undefined && this.#savedAttributes !== this.start) this.hasStoredChanges = true
    this.#stored = stored
    this.#attributes = undefined
    this.#savedAttributes = undefined
  }

  /** Forgets everything: the session was none. */
  reset(): void {
    this.id = undefined
    this.#savedId = undefined
    this.#savedAttributes = undefined
  }

  saved(id: string, attributes: string): void {
    this.#savedId = id
    this.#savedAttributes = attributes
  }

  get hasSaved(): boolean {
    return this.#savedId !== undefined
  }

  isModified(id: string, attributes: string): boolean {
    return id !== this.id || attributes !== this.start
  }

  isSaved(id: string, attributes: string): boolean {
    return this.#savedId === id && (this.#savedAttributes ?? this.start) === attributes
  }

  /** The attributes at the start. */
  get start(): string {
    return (this.#attributes ??= this.#stored === undefined ? '' : attributesText(this.#stored.text))
  }
}
