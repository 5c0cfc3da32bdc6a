import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import type { ExpiredRecord } from '../../src/core/backend.ts'
import { newId } from '../../src/core/ids.ts'
import { session } from '../../src/entries/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { sessionOf } from './older-rules.ts'
import { isSelected } from './selected.ts'
import { besideOlder, OLDER_PACKAGES, type OlderPackage } from './sqlite-older-harness.ts'

const HOUR = 3_600_000

function beside(packageOf: OlderPackage): void {
  describe(`${packageOf.name} and ours on one table`, () => {
    const { file, database, older, ours, read, rowOf, setEnd } = besideOlder(packageOf)

    it('lists by user what they wrote and we have not stored yet, also when it becomes another one’s', async (t) => {
      const [byUser, byPassport, guest] = [newId(), newId(), newId()]
      await older.set(byUser, sessionOf(HOUR, { userId: 'eva' }))
      await older.set(byPassport, sessionOf(HOUR, { passport: { user: 7 } }))
      await older.set(guest, sessionOf(HOUR, { name: 'eva' }))
      assert.equal((await read(byUser))!.userId, 'eva')
      assert.deepEqual(await ours.keysOfUser!('eva'), [byUser])
      assert.deepEqual(await ours.keysOfUser!('7'), [byPassport])
      await older.set(byUser, sessionOf(HOUR, { userId: 'max' }))
      await older.set(guest, sessionOf(HOUR, { userId: 'eva' }))
      assert.equal((await read(byUser))!.userId, 'max')
      assert.deepEqual(await ours.keysOfUser!('max'), [byUser])
      assert.deepEqual(await ours.keysOfUser!('eva'), [guest])
      const middleware = session({ secret: 'teal lantern', resave: false, saveUninitialized: false, store: `sqlite:${file}` })
      t.after(() => middleware.close())
      assert.equal(await middleware.revokeAll('eva'), 1)
      assert.equal(await older.get(guest), undefined)
      assert.ok(await older.get(byUser))
    })

    it('whose a session is by a rule of the app, they do not undo', async () => {
      const key = newId()
      const data = JSON.stringify(sessionOf(HOUR, { account: 'ida' }))
      await ours.create(key, { data, expiresAt: Date.now() + HOUR, userId: 'ida' })
      await older.set(key, sessionOf(HOUR, { account: 'ida', views: 1 }))
      assert.deepEqual(await ours.keysOfUser!('ida'), [key])
      const { version, userId } = (await read(key))!
      assert.equal(userId, 'ida')
      // and what is nobody's by that rule is nobody's
      const next = JSON.stringify(sessionOf(HOUR, { userId: 'ida' }))
      await ours.swap(key, version, { data: next, expiresAt: Date.now() + HOUR })
      assert.equal((await read(key))!.userId, undefined)
      assert.deepEqual(await ours.keysOfUser!('ida'), [])
    })

    it('a session without an end stays so, and they read it', async () => {
      const key = newId()
      await ours.create(key, { data: JSON.stringify(sessionOf(undefined)), expiresAt: Infinity })
      assert.equal((await read(key))!.expiresAt, Infinity)
      assert.ok(await older.get(key))
      await ours.extend(key, Infinity)
      assert.equal((await read(key))!.expiresAt, Infinity)
    })

    it('what has no end that can be read is over for us as for them, and gives way to a new session', async () => {
      const key = newId()
      await older.set(key, sessionOf(HOUR))
      if (packageOf.column === 'expired') await older.touch(key, { cookie: { expires: 'no date' } })
      else database.prepare(`UPDATE sessions SET expire = 'no date' WHERE sid = ?`).run(key)
      assert.equal(await older.get(key), undefined)
      assert.equal(await read(key), undefined)
      const next = { data: JSON.stringify(sessionOf(HOUR)), expiresAt: Date.now() + HOUR }
      assert.equal((await ours.create(key, next)).outcome, 'done')
      assert.ok(await older.get(key))
    })

    it('a scan shows every session, also one that they write meanwhile', async () => {
      const keys = Array.from({ length: 7 }, newId)
      for (const key of keys) await older.set(key, sessionOf(HOUR))
      const seen = new Set<string>()
      let cursor: string | undefined
      do {
        const page = await ours.scan!(cursor, 2)
        for (const { key } of page.records) seen.add(key)
        cursor = page.cursor
        const unseen = keys.find((key) => !seen.has(key))
        // they put a new row in the place of the old one
        if (unseen) await older.set(unseen, sessionOf(HOUR))
      } while (cursor !== undefined)
      for (const key of keys) assert.ok(seen.has(key))
    })

    it('a sweep removes what is over, each told to one caller, with its user', async () => {
      const keys = Array.from({ length: 5 }, newId)
      for (const key of keys)
        await ours.create(key, { data: JSON.stringify(sessionOf(HOUR)), expiresAt: Date.now() + HOUR, userId: `of ${key}` })
      for (const key of keys.slice(1)) setEnd(key, Date.now() - 2000)
      const another = sqliteStore({ file })
      const told: (readonly ExpiredRecord[])[] = []
      do told.push([...(await ours.removeExpired!(3)), ...(await another.removeExpired!(3))])
      while (told.at(-1)!.length > 0)
      await another.close!()
      const ofThese = told.flat().filter(({ key }) => keys.includes(key))
      assert.deepEqual(
        ofThese.map(({ key, userId }) => [key, userId]).sort(),
        keys
          .slice(1)
          .map((key) => [key, `of ${key}`])
          .sort()
      )
      assert.deepEqual(
        keys.map((key) => rowOf(key) !== undefined),
        [true, false, false, false, false]
      )
      assert.equal(database.prepare(`SELECT count(*) AS n FROM sessions_sessile_user WHERE user_id LIKE 'of %'`).get()!['n'], 1)
    })

    it('whose sessions were that they ended is forgotten at the next start', async () => {
      const key = newId()
      await ours.create(key, { data: JSON.stringify(sessionOf(HOUR)), expiresAt: Date.now() + HOUR, userId: 'gone' })
      await older.destroy(key)
      const left = () => database.prepare(`SELECT count(*) AS n FROM sessions_sessile_user WHERE user_id = 'gone'`).get()!['n']
      assert.equal(left(), 1)
      const next = sqliteStore({ file })
      await next.open!()
      await next.close!()
      assert.equal(left(), 0)
    })
  })
}

if (isSelected('sqlite')) OLDER_PACKAGES.forEach(beside)
