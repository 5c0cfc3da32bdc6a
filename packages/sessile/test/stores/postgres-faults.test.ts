import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverFor } from '../../../test-servers/src/index.ts'
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

  describe('postgres, telling of removals', () => {
    it('goes on after the server was killed, and tells other processes alone', async () => {
      const tableName = newTable()
      const [one, other] = [postgresStore({ url: server.url, tableName }), postgresStore({ url: server.url, tableName })]
      const heard: string[] = []
      const own: string[] = []
      other.watchRemoved!((key) => heard.push(key))
      one.watchRemoved!((key) => own.push(key))
      /** Removes sessions until the other hears of one. */
      const untilHeard = async (): Promise<void> => {
        for (let tries = 0; tries < 150; tries++) {
          const key = newId()
          await one.create(key, { data: '{}', expiresAt: Date.now() + HOUR })
          await one.remove(key)
          await pause(50)
          if (heard.includes(key)) return
        }
        assert.fail('it was not told within some seconds')
      }
      await untilHeard()
      await server.kill()
      await server.restart()
      await untilHeard()
      assert.deepEqual(own, [])
      // a removal in a space is nobody's business
      const before = heard.length
      await one.space!('marks').create('mark', { data: 'x', expiresAt: Date.now() + HOUR })
      await one.space!('marks').remove('mark')
      await untilHeard()
      assert.equal(heard.length, before + 1)
      await Promise.all([one.close!(), other.close!()])
    })
  })
}
