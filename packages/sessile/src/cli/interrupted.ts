/** Aborted by the first Ctrl-C (or SIGTERM), so that what is under way is brought to its end; a second one ends the process. */
export function interrupted(): AbortSignal {
  const controller = new AbortController()
  const stop = (): void => {
    process.off('SIGINT', stop).off('SIGTERM', stop)
    controller.abort()
  }
  process.on('SIGINT', stop).on('SIGTERM', stop)
  return controller.signal
}
