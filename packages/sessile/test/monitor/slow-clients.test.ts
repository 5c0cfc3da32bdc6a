import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { board, browser, until } from './board.ts'

/** A page of the dashboard that reads nothing of what it is sent. */
async function deaf(port: number, cookie: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  socket.pause()
  socket.write(`GET /admin/dashboard/api/live HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`)
  return socket
}

describe('dashboard pages that do not read', { timeout: 60_000 }, () => {
  it('twenty of them, and one that is gone: they are let go, memory stays, no request is slower', async () => {
    await using app = await board(memoryStore())
    const admin = browser(app.server)
    await admin.ask('POST', '/login/1')
    const visitor = browser(app.server)
    const timed = async (): Promise<number> => {
      const times: number[] = []
      for (let n = 0; n < 300; n += 1) {
        const start = performance.now()
        await visitor.ask('GET', '/')
        times.push(performance.now() - start)
      }
      return times.toSorted((one, other) => one - other)[150]!
    }
    await timed()
    const before = await timed()
    const sockets = await Promise.all(Array.from({ length: 20 }, () => deaf(app.server.port, admin.state.cookie)))
    const gone = await deaf(app.server.port, admin.state.cookie)
    await until(() => app.router.clients === 21)
    gone.destroy()
    await until(() => app.router.clients === 20)
    // far more than the operating system takes for them, a batch a tick
    const memory = process.memoryUsage().rss
    const detail = 'x'.repeat(4000)
    const end = Date.now() + 30_000
    let told = 0
    while (app.router.clients > 0 && Date.now() < end) {
      for (let n = 0; n < 90; n += 1) app.seen.history.note({ at: Date.now(), event: 'refused', detail })
      told += 1
      await wait(250)
    }
    assert.equal(app.router.clients, 0, 'all were let go')
    const grown = (process.memoryUsage().rss - memory) / 2 ** 20
    // what is kept of events is no more than their own size; a queue for each client would be twenty times that
    assert.ok(grown < 150, `${grown.toFixed(0)} MB more after ${told} batches`)
    const after = await timed()
    assert.ok(after < 3 * before + 1, `${before.toFixed(2)} ms before, ${after.toFixed(2)} ms after`)
    for (const socket of sockets) socket.destroy()
  })
})
