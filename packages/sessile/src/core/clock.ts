/** The only file that reads the time and sets timers, so that a test can move it (`Date.now` is looked up at each call). */

/** Epoch milliseconds. */
export function now(): number {
  return Date.now()
}

/** Milliseconds with fractions, since some moment: for how long things take. */
export function stopwatch(): number {
  return performance.now()
}

/** Runs `call` after `ms`; the timer never keeps the process alive. @returns a function that cancels it */
export function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  timer.unref()
  return () => clearTimeout(timer)
}

/** As `after`, for what somebody is waiting for meanwhile: the timer keeps the process alive. @returns a function that cancels it */
export function atLatestAfter(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}

/** Runs `call` every `ms`; the timer never keeps the process alive. @returns a function that stops it */
export function every(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms)
  timer.unref()
  return () => clearInterval(timer)
}

/** Resolves after `ms`. Unlike `after` it keeps the process alive: somebody is waiting for what comes next. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Keeps the process alive until the function that it returns is called: stores keep none, so whoever waits for one alone has to. */
export function stayAlive(): () => void {
  const timer = setInterval(() => {}, 2 ** 30)
  return () => clearInterval(timer)
}

/** Runs `call` in a later turn of the event loop. */
export function later(call: () => void): void {
  setImmediate(call)
}
