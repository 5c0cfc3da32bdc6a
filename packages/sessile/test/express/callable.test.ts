import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import expressSession from 'express-session'
import { isSessionError } from '../../src/core/errors.ts'
import { PostgresStore } from '../../src/entries/postgres.ts'
import { SqliteStore } from '../../src/entries/sqlite.ts'

for (const [name, StoreClass] of Object.entries({ PostgresStore, SqliteStore })) {
  test(`${name}, called with express-session or something with its Store, is a class over that Store`, () => {
    for (const given of [expressSession, { Store: expressSession.Store }, { session: expressSession }])
      assert.ok(StoreClass(given).prototype instanceof expressSession.Store)
  })

  test(`${name} without new says what is missing`, () => {
    for (const given of [undefined, {}, { file: 'sessions.db' }, { Store: 'x' }])
      assert.throws(
        () => StoreClass(given as never),
        (error) => isSessionError(error) && error.code === 'bad-argument' && error.message.includes(`new ${name}(options)`)
      )
  })
}
