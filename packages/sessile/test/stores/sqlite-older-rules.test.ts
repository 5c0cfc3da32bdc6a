import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import originalSession from 'express-session'
import { newId } from '../../src/core/ids.ts'
import { session } from '../../src/entries/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/backend.ts'
import { serve } from '../serve.ts'
import { near, olderRules, sessionOf } from './older-rules.ts'
import { isSelected } from './selected.ts'
import { besideOlder, OLDER_PACKAGES, type OlderPackage } from './sqlite-older-harness.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * The rules for records of older writers, by their numbers. R8 and R12 are of keys of Redis, R9 of PostgreSQL's times, R10 of MongoDB's
 * indexes; R11 is of fields that these two packages do not write.
 */
function rules(packageOf: OlderPackage): void {
  describe(`${packageOf.name} and ours on one table, by the rules`, () => {
    const { file, database, theirs, older, ours, records, read, rowOf, typeOfEnd, endOf, setEnd } = besideOlder(packageOf)
    const { column } = packageOf

    it('R1 when a session ends says the column, not the cookie in the text', async () => {
      const key = newId()
      await older.set(key, sessionOf(HOUR, { views: 1 }))
      setEnd(key, Date.now() + 2 * DAY)
      const text = JSON.stringify({ ...sessionOf(-HOUR), views: 1 })
      database.prepare('UPDATE sessions SET sess = ? WHERE sid = ?').run(text, key)
      near((await read(key))!.expiresAt, Date.now() + 2 * DAY)
      assert.ok(await records.load(key))
      const other = newId()
      await older.set(other, sessionOf(HOUR))
      setEnd(other, Date.now() - 5000)
      assert.equal(await read(other), undefined)
      assert.equal(await ours.extend(other, Date.now() + HOUR), false)
      assert.equal(await records.load(other), undefined)
    })

    it('R2 the cookie that they have set is good here, and ours there; ids are stored as they are', async (t) => {
      const common = { secret: 'teal lantern', resave: false, saveUninitialized: false, cookie: { maxAge: HOUR } }
      const listener = (middleware: any) =>
        serve(((req: any, res: any) => {
          middleware(req, res, () => {
            req.session.views = (req.session.views ?? 0) + 1
            res.end(`${req.sessionID} ${req.session.views}`)
          })
        }) as never)
      const middleware = session({ ...common, store: `sqlite:${file}` })
      t.after(() => middleware.close())
      await using before = await listener(originalSession({ ...common, store: theirs as never }))
      await using now = await listener(middleware)
      for (const [first, second] of [
        [before, now],
        [now, before]
      ] as const) {
        const signedIn = await first.ask('GET', '/')
        const cookie = signedIn.headers['set-cookie']![0]!.split(';')[0]!
        const [id] = signedIn.text.split(' ')
        assert.equal((await second.ask('GET', '/', { cookie })).text, `${id} 2`)
        assert.equal((await first.ask('GET', '/', { cookie })).text, `${id} 3`)
        assert.equal(JSON.parse(rowOf(id!)['sess'] as string).views, 3)
      }
    })

    it('R3 a session whose cookie has no time lives a day, by them and by us', async (t) => {
      const key = newId()
      await older.set(key, sessionOf(undefined, { views: 1 }))
      near((await read(key))!.expiresAt, Date.now() + DAY)
      const middleware = session({ secret: 'teal lantern', resave: false, saveUninitialized: true, store: sqliteStore({ file }) })
      t.after(() => middleware.close())
      await using app = await serve(((req: any, res: any) => middleware(req, res, () => res.end(req.sessionID))) as never)
      const id = (await app.ask('GET', '/')).text
      near(endOf(id), Date.now() + DAY)
      assert.equal((await older.get(id))!['cookie'].originalMaxAge, null)
    })

    it('R4 what we write back has the same key, types, units and text', async () => {
      const key = newId()
      await older.set(key, sessionOf(HOUR, { views: 1 }))
      const before = rowOf(key)
      const type = typeOfEnd(key)
      const record = (await read(key))!
      assert.equal(record.data, before['sess'])
      await ours.swap(key, record.version, { data: record.data, expiresAt: endOf(key) })
      assert.deepEqual([rowOf(key), typeOfEnd(key)], [before, type])
      await ours.extend(key, Date.now() + 2 * HOUR)
      assert.equal(typeOfEnd(key), type)
      near(endOf(key), Date.now() + 2 * HOUR)
      const loaded = (await records.load(key))!
      const changed = JSON.stringify({ ...JSON.parse(loaded.text), views: 2 })
      assert.equal(await records.commit(loaded, { text: changed, expiresAt: Date.now() + HOUR, userId: undefined }), 'saved')
      const text = rowOf(key)['sess'] as string
      assert.match(text, /^\{"cookie":\{"originalMaxAge":3600000,"expires":"[^"]+Z","httpOnly":true,"path":"\/"\},"views":2,"~":\{/)
      const created = newId()
      await ours.create(created, { data: record.data, expiresAt: Date.now() + HOUR })
      assert.deepEqual(Object.keys(rowOf(created)), Object.keys(before))
      assert.equal(typeOfEnd(created), type)
    })

    it('R6 their table gets no column, so that their writes, which name none, go on', async () => {
      const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all('sessions')
      assert.deepEqual(columns.map(({ name }) => name).sort(), ['sess', 'sid', column].sort())
      const key = newId()
      await ours.create(key, { data: JSON.stringify(sessionOf(HOUR)), expiresAt: Date.now() + HOUR, userId: 'bob' })
      await older.set(key, sessionOf(HOUR, { views: 1 }))
      assert.equal((await older.get(key))!['views'], 1)
      assert.deepEqual(await ours.keysOfUser!('bob'), [key])
    })

    olderRules({ theirs: older, ours, endOf })
  })
}

if (isSelected('sqlite')) OLDER_PACKAGES.forEach(rules)
