import { strict as assert } from 'node:assert'
import { registerHooks } from 'node:module'
import { after, describe, it } from 'node:test'
import { serverFor } from '../../../test-servers/src/index.ts'
import { mongodbStore } from '../../src/stores/mongodb/backend.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { mongodbHarness, newCollection } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

/** What this process has under the name of mongodb. */
let installed: string | undefined
const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'mongodb') return next(specifier, context)
    if (installed !== undefined) return next(installed, context)
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' })
  }
})
after(() => hooks.deregister())

const server = isSelected('mongodb') ? await serverFor('mongodb, drivers', 'mongo') : undefined
if (server) {
  describe('mongodb without its driver', () => {
    it('says what to install, and goes on when it is there', async () => {
      const store = mongodbStore({ url: server.url, collectionName: newCollection() })
      await assert.rejects(async () => await store.read('key'), { code: 'not-supported', message: /npm install mongodb/ })
      installed = 'mongodb6'
      assert.equal(await store.read('key'), undefined)
      await store.close!()
    })
  })
  backendSuite(mongodbHarness(server, 'mongodb by driver 6'))
}
