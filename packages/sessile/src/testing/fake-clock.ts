/** A clock that stands still until a test moves it. */
export interface FakeClock {
  now(): number
  advance(ms: number): void
  /** Puts the real clock back. */
  restore(): void
}

/**
 * Replaces `Date.now`, which is where the package reads the time, at every call. Timers go on as they are: what waits for a
 * database must not stand still.
 * @param start epoch ms, by default the time of the real clock
 */
export function fakeClock(start: number = Date.now()): FakeClock {
  const real = Date.now
  let time = start
  const fake = (): number => time
  Date.now = fake
  return {
    now: fake,
    advance(ms) {
      time += ms
    },
    restore() {
      if (Date.now === fake) Date.now = real
    }
  }
}
