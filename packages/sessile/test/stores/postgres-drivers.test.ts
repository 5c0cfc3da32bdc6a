import { strict as assert } from 'node:assert'
import { registerHooks } from 'node:module'
import { after, describe, it } from 'node:test'
import { serverFor } from '../../../test-servers/src/index.ts'
import { postgresStore } from '../../src/stores/postgres/backend.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { newTable, postgresHarness } from './postgres-harness.ts'
import { isSelected } from './selected.ts'

/** What this process has under the name of pg. */
let installed: string | undefined
const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'pg') return next(specifier, context)
    if (installed !== undefined) return next(installed, context)
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' })
  }
})
after(() => hooks.deregister())

const server = isSelected('postgres') ? await serverFor('postgres, drivers', 'postgres') : undefined
if (server) {
  describe('postgres without pg', () => {
    it('says what to install, and goes on when it is there', async () => {
      const store = postgresStore({ url: server.url, tableName: newTable() })
      await assert.rejects(async () => await store.read('key'), { code: 'not-supported', message: /npm install pg/ })
      installed = 'pg8.11'
      assert.equal(await store.read('key'), undefined)
      await store.close!()
    })
  })
  backendSuite(postgresHarness(server, 'postgres by pg 8.11'))
}
