import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { type Database, openDatabase } from '../../src/database/database.ts'
import { DEMO_USERS, PRODUCTS, seed } from '../../src/database/seed.ts'
import { temporaryFolder } from '../helpers.ts'

async function withFile(work: (url: string, file: string) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'deep', 'shop.db')
  await work(`sqlite:${file}`, file)
}

const hash = async (password: string) => `hash of ${password}`
const productsOf = (db: Database) => db.selectFrom('products').selectAll().orderBy('id').execute()

describe('openDatabase', () => {
  it('makes the schema once, also when two begin at the same moment', () =>
    withFile(async (url) => {
      const both = await Promise.all([openDatabase(url), openDatabase(url)])
      await Promise.all(both.map((db) => seed(db, hash)))
      assert.deepEqual(await productsOf(both[0]), [...PRODUCTS])
      assert.deepEqual(await both[1].selectFrom('users').select(['id', 'username', 'role']).orderBy('id').execute(), [
        { id: 1, username: 'admin', role: 'admin' },
        { id: 2, username: 'user', role: 'user' }
      ])
      await Promise.all(both.map((db) => db.destroy()))
      const again = await openDatabase(url)
      assert.equal((await productsOf(again)).length, PRODUCTS.length)
      await again.destroy()
    }))

  it('refuses a URL that it does not know, by the name of the variable', async () => {
    await assert.rejects(openDatabase('mysql://localhost/shop'), /DATABASE_URL must begin with/)
  })
})

describe('seed', () => {
  it('leaves what was sold sold, and adds no demo users where there are users', () =>
    withFile(async (url) => {
      const db = await openDatabase(url)
      await seed(db, undefined)
      assert.equal((await db.selectFrom('users').selectAll().execute()).length, 0)
      await db.updateTable('products').set({ stock: 3 }).where('id', '=', 1).execute()
      const somebody = {
        username: 'ann',
        usernameKey: 'ann',
        email: 'a@example.com',
        emailKey: 'a@example.com',
        passwordHash: '',
        createdAt: 0
      }
      await db
        .insertInto('users')
        .values({ ...somebody, role: 'user' })
        .execute()
      await seed(db, hash)
      assert.equal((await productsOf(db))[0]!.stock, 3)
      assert.deepEqual(await db.selectFrom('users').select('username').execute(), [{ username: 'ann' }])
      await db.destroy()
    }))

  it('has the passwords of the demo users hashed', () =>
    withFile(async (url) => {
      const db = await openDatabase(url)
      await seed(db, hash)
      const rows = await db.selectFrom('users').select('passwordHash').orderBy('id').execute()
      assert.deepEqual(
        rows.map((row) => row.passwordHash),
        DEMO_USERS.map(({ password }) => `hash of ${password}`)
      )
      await db.destroy()
    }))
})

describe('SQLite', () => {
  it('waits for the writer of another process without holding up this one', () =>
    withFile(async (url, file) => {
      const db = await openDatabase(url)
      await seed(db, undefined)
      const other = new DatabaseSync(file)
      other.exec('BEGIN IMMEDIATE')
      let written = false
      const write = db
        .updateTable('products')
        .set({ stock: 1 })
        .where('id', '=', 1)
        .execute()
        .then(() => {
          written = true
        })
      // Were the file waited for on the loop, this would take the 5 seconds after which a write gives up.
      const started = performance.now()
      for (let i = 0; i < 40; i++) await new Promise((resolve) => setTimeout(resolve, 1))
      assert.ok(performance.now() - started < 3_000)
      assert.equal(written, false)
      other.exec('COMMIT')
      await write
      other.close()
      assert.equal((await productsOf(db))[0]!.stock, 1)
      await db.destroy()
    }))

  it('loses no update of transactions that read and write at once, through two connections', () =>
    withFile(async (url) => {
      const both = await Promise.all([openDatabase(url), openDatabase(url)])
      await seed(both[0], undefined)
      await Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          both[i % 2]!.transaction().execute(async (tx) => {
            const { stock } = await tx.selectFrom('products').select('stock').where('id', '=', 2).executeTakeFirstOrThrow()
            await tx
              .updateTable('products')
              .set({ stock: stock + 1 })
              .where('id', '=', 2)
              .execute()
          })
        )
      )
      assert.equal((await productsOf(both[1]))[1]!.stock, 150)
      await Promise.all(both.map((db) => db.destroy()))
    }))

  it('undoes a transaction that fails, and refuses what the schema forbids', () =>
    withFile(async (url) => {
      const db = await openDatabase(url)
      await seed(db, undefined)
      await assert.rejects(
        db.transaction().execute(async (tx) => {
          await tx.updateTable('products').set({ stock: 1 }).where('id', '=', 1).execute()
          await tx.updateTable('products').set({ stock: -1 }).where('id', '=', 2).execute()
        }),
        /CHECK/
      )
      assert.deepEqual(await productsOf(db), [...PRODUCTS])
      await db.destroy()
    }))
})
