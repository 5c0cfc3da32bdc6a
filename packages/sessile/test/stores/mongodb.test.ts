import { describe } from 'node:test'
import type { SuiteRunner } from '../../src/testing/harness.ts'
import { NODE_TEST } from '../../src/testing/register.ts'
import { backendSuite } from '../../src/testing/backend-suite.ts'
import { recordsSuite } from '../../src/testing/records-suite.ts'
import { serverFor } from '../../../test-servers/src/index.ts'
import { mongodbHarness } from './mongodb-harness.ts'
import { isSelected } from './selected.ts'

/** An object keeps the values and not how they were spelled in a text; `mongodb-legacy.test.ts` says what comes back. */
const ofObjects: SuiteRunner = {
  describe: NODE_TEST.describe,
  it: (name, run) => (name === 'law 1: text comes back byte for byte' ? undefined : NODE_TEST.it(name, run))
}

if (isSelected('mongodb')) {
  const server = await serverFor('mongodb', 'mongo')
  if (server) {
    // one after the other: each test kills the server for all
    describe('MongoDB', { concurrency: false }, () => {
      backendSuite(mongodbHarness(server, 'mongodb'))
      backendSuite(mongodbHarness(server, 'mongodb, objects', { stringify: false }), ofObjects)
      recordsSuite(mongodbHarness(server, 'mongodb'))
      recordsSuite(mongodbHarness(server, 'mongodb, objects', { stringify: false }))
    })
  }
}
