import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { backendByUrl, sqliteOptionsOf } from '../../src/stores/by-url.ts'
import { temporaryFolder } from './harnesses.ts'

describe('backendByUrl', () => {
  it('makes the store that the URL names', () => {
    for (const [url, name, shared] of [
      ['memory:', 'memory', false],
      ['sqlite::memory:', 'sqlite', false],
      ['sqlite:./x.db', 'sqlite', true]
    ] as const) {
      const backend = backendByUrl(url)
      assert.equal(backend.name, name)
      assert.equal(backend.traits.shared, shared)
      backend.close!()
    }
  })

  it('takes the path as it is, with or without slashes before it', () => {
    const folder = temporaryFolder()
    const path = folder.path('a folder/100% of #1?.db')
    try {
      const [one, other] = [backendByUrl(`sqlite:${path}`), backendByUrl(`sqlite://${path}`)]
      one.create('key', { data: '{}', expiresAt: Infinity })
      assert.deepEqual((other.read('key') as { data: string }).data, '{}')
      one.close!()
      other.close!()
    } finally {
      folder.clean()
    }
  })

  it('takes the table of a SQLite file from the end of the path', () => {
    assert.deepEqual(sqliteOptionsOf('sqlite:./a?b.db?table=people'), { file: './a?b.db', table: 'people' })
    assert.deepEqual(sqliteOptionsOf('sqlite:///a.db'), { file: '/a.db' })
    assert.equal(sqliteOptionsOf('redis://a?table=people'), undefined)
    assert.throws(
      () => backendByUrl('sqlite:./a.db?table='),
      (error) => isSessionError(error) && error.code === 'bad-option'
    )
  })

  it('says which schemes it knows, and not the rest of the URL', () => {
    for (const url of ['cassandra://ada:hunter2@host', 'hunter2', '', ':memory:', 'constructor:hunter2', '__proto__:hunter2']) {
      assert.throws(
        () => backendByUrl(url),
        (error: unknown) => {
          assert.ok(isSessionError(error))
          assert.equal(error.code, 'unknown-store')
          assert.match(error.message, /memory:.*sqlite:PATH/)
          assert.doesNotMatch(error.message, /hunter2/)
          return true
        }
      )
    }
    for (const url of ['sqlite:', 'sqlite://', 'memory:x'])
      assert.throws(
        () => backendByUrl(url),
        (error) => isSessionError(error) && error.code === 'unknown-store'
      )
  })
})
