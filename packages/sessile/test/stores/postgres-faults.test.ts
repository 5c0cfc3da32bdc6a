import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverFor } from '../../../test-servers/src/index.ts'
import type { SessionBackend } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { faultsSuite } from './faults.ts'
import { newTable } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

const HOUR = 3_600_000

const server = isSelected('postgres') ? await serverFor('postgres in trouble', 'postgres') : undefined
if (server?.controllable) {
  faultsSuite({
    name: 'postgres',
    server,
    make: (url) => postgresStore({ url, tableName: newTable() }),
    byUrl: (url) => `${url}?tableName=${newTable()}`
  })

  /** Removes sessions until that is heard. */
  async function removeUntilHeard(store: SessionBackend, heard: readonly string[]): Promise<void> {
    for (let tries = 0; tries < 150; tries++) {
      const key = newId()
      await store.create(key, { data: '{}', expiresAt: Date.now() + HOUR })
      await store.remove(key)
      await pause(50)
      if (heard.includes(key)) return
    }
    assert.fail('it was not told within some seconds')
  }

  describe('postgres, telling of removals', () => {
    it('goes on after the server was killed, and tells other processes alone', async () => {
      const tableName = newTable()
      const [one, other] = [postgresStore({ url: server.url, tableName }), postgresStore({ url: server.url, tableName })]
      const heard: string[] = []
      const own: string[] = []
      other.watchRemoved!((key) => heard.push(key))
      one.watchRemoved!((key) => own.push(key))
      await removeUntilHeard(one, heard)
      await server.kill()
      await server.restart()
      await removeUntilHeard(one, heard)
      assert.deepEqual(own, [])
      // a removal in a space is nobody's business
      const before = heard.length
      await one.space!('marks').create('mark', { data: 'x', expiresAt: Date.now() + HOUR })
      await one.space!('marks').remove('mark')
      await removeUntilHeard(one, heard)
      assert.equal(heard.length, before + 1)
      await Promise.all([one.close!(), other.close!()])
    })

    it('does not hold up closing for ever while the server stands still', async () => {
      const tableName = newTable()
      const [one, other] = [postgresStore({ url: server.url, tableName }), postgresStore({ url: server.url, tableName })]
      const heard: string[] = []
      other.watchRemoved!((key) => heard.push(key))
      await removeUntilHeard(one, heard)
      await one.close!()
      await server.pause()
      try {
        const start = performance.now()
        await Promise.race([other.close!(), pause(15_000)])
        assert.ok(performance.now() - start < 5_000, `${performance.now() - start} ms`)
      } finally {
        await server.resume()
      }
    })
  })
}
