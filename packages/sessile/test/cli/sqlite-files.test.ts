import { strict as assert } from 'node:assert'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { handleOf, newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { OLDER_PACKAGES } from '../stores/sqlite-older-harness.ts'
import { folder, HOUR, runHere, runJson, SECRET } from './running.ts'

const env = { SESSION_SECRET: SECRET }

/** A file that an app has closed, with one session of user 7. */
async function olderFile(name: string): Promise<{ file: string; id: string }> {
  const file = folder.path(`${name}.db`)
  const database = new DatabaseSync(file)
  const id = newId()
  const cookie = { originalMaxAge: HOUR, expires: new Date(Date.now() + HOUR) }
  const store = OLDER_PACKAGES.find((one) => one.name === name)!.open(database) as any
  await new Promise((resolve) => store.set(id, { cookie, userId: 7 }, resolve))
  database.close()
  return { file, id }
}

describe('sessile on a SQLite file', () => {
  for (const { name } of OLDER_PACKAGES)
    it(`looks at one of ${name} that may only be read, and changes nothing`, async () => {
      const { file, id } = await olderFile(name)
      chmodSync(file, 0o444)
      const before = readFileSync(file)
      const url = `sqlite:${file}`
      const handle = handleOf(id, SECRET)
      assert.equal((await runJson(['list', url, '--user', '7'], env))['sessions'][0].session, handle)
      assert.equal((await runJson(['show', url, handle], env))['userId'], '7')
      assert.equal((await runJson(['stats', url], env))['users'], 1)
      assert.equal((await runJson(['revoke', url, '--user', '7', '--dry-run'], env))['found'], 1)
      assert.equal((await runJson(['migrate', '--from', url, '--to', `sqlite:${file}.copy`]))['moved'], 1)
      assert.deepEqual(readFileSync(file), before)
      assert.ok(!existsSync(`${file}-wal`))
    })

  it('refuses one without a table of sessions, and makes none', async () => {
    const [empty, other] = [folder.path('empty.db'), folder.path('other.db')]
    writeFileSync(empty, '')
    const database = new DatabaseSync(other)
    database.exec('CREATE TABLE orders (id)')
    database.close()
    for (const [file, words] of [
      [empty, 'it is empty'],
      [other, 'its tables are orders']
    ] as const) {
      const before = readFileSync(file)
      for (const args of [['list'], ['stats'], ['watch'], ['sweep'], ['revoke', '--all', '--yes'], ['dashboard']]) {
        const { code, stdout, stderr } = await runHere([args[0]!, `sqlite:${file}`, ...args.slice(1)])
        assert.deepEqual([code, stdout], [1, ''], args.join(' '))
        assert.ok(stderr.includes(`${file} has no table of sessions: ${words}.`), stderr)
      }
      const from = await runHere(['migrate', '--from', `sqlite:${file}`, '--to', `sqlite:${file}.new`, '--remove'])
      assert.equal(from.code, 1)
      assert.deepEqual(readFileSync(file), before)
    }
  })

  it('sees what a running app has written last, in the table that is named', async () => {
    const url = `sqlite:${folder.path('named.db')}?table=people_sessions`
    const backend = backendByUrl(url)
    const session = { data: '{"cookie":{}}', expiresAt: Date.now() + HOUR }
    await backend.create(newId(), session)
    assert.equal((await runJson(['stats', url]))['sessions'], 1)
    await backend.create(newId(), session)
    assert.equal((await runJson(['stats', url]))['sessions'], 2)
    const unnamed = await runHere(['list', `sqlite:${folder.path('named.db')}`])
    assert.match(unnamed.stderr, /its tables are people_sessions\. .*\?table=NAME/)
    assert.equal((await runJson(['revoke', url, '--all', '--yes']))['ended'], 2)
    await backend.close!()
  })

  it('tells how a path alone is written', async () => {
    for (const [given, meant] of [
      ['foo.db', './foo.db'],
      ['./foo.db', './foo.db'],
      ['/a/foo.db', '/a/foo.db']
    ] as const) {
      const { code, stderr } = await runHere(['list', given])
      assert.deepEqual([code, stderr], [2, `"${given}" is no store; did you mean sqlite:${meant}?\n`])
    }
  })
})
