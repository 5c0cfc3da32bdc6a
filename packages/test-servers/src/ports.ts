import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A port that is free now, below those that systems give to outgoing connections: so that nothing else takes it while a server
 * is down between `kill()` and `restart()`.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_240, 32_000)
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

/** Calls `start` with a free port, and once or twice more in case somebody took it in between. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort())
    } catch (error) {
      if (attempt === 3 || !/in use|EADDRINUSE/i.test(String(error))) throw error
    }
  }
}
