import type { Ability, MaybePromise, SessionBackend } from '../core/backend.ts'

/** How the suite gets at a store. Everything is made anew for each test. */
export interface BackendHarness {
  /** In the names of the tests. */
  readonly name: string
  /** A new and empty store. The suite closes it. */
  make(): MaybePromise<SessionBackend>
  /** A second view of the data of the last `make()`, over a connection of its own, as another process has it. The suite closes it. */
  another?(): MaybePromise<SessionBackend>
  /** Moves the clock that the store goes by (see `fakeClock`). Without it the suite really waits. */
  advance?(ms: number): MaybePromise<void>
  /** Up to how many ms later than asked the store lets a record expire (law 9). Default 1: it is exact. */
  readonly expiryStepMs?: number
  /** Writes a record as an older writer of the same store does. */
  writeLegacy?(key: string, data: string, expiresAt: number): MaybePromise<void>
  /** Makes the store of the last `make()` unable to answer, or to write; both views. */
  stop?(): MaybePromise<void>
  /** Undoes `stop`. */
  start?(): MaybePromise<void>
  /** After each test, also a failed one. */
  clean?(): MaybePromise<void>
}

/** What a test may need beside the five operations. */
export type Need = Ability | 'another' | 'writeLegacy' | 'stop'

/** Where tests are registered: `node:test`, or the functions of these names of Jest, Vitest or Mocha. */
export interface SuiteRunner {
  describe(name: string, define: () => void): unknown
  it(name: string, run: (context?: unknown) => Promise<void>): unknown
}

/** One test of the suite. */
export interface LawTest {
  /** Begins with `law N: `, or with `ability <name>: ` for what no law speaks of. */
  readonly name: string
  readonly needs?: readonly Need[]
  run(stand: Stand): Promise<void>
}

/** What a test works with. */
export interface Stand {
  readonly backend: SessionBackend
  /** The views of the store, one after the other again and again: `another()` where there is one, else the backend itself. */
  view(index: number): SessionBackend
  readonly harness: BackendHarness
  /** Lets time pass, so that what should have expired after `ms` has expired. */
  pass(ms: number): Promise<void>
  /** A short life in ms: long enough for a few calls, short enough to wait for. */
  readonly shortMs: number
  /** Whether time stands still between calls, so that moments can be tested exactly. */
  readonly exact: boolean
  readonly stepMs: number
}
