import { DatabaseSync } from 'node:sqlite'
import { strict as assert } from 'node:assert'
import { after, it } from 'node:test'
import session from 'express-session'
import { BackendStore, session as ours } from '../../src/entries/index.ts'
import { SqliteStore, sqliteStore } from '../../src/entries/sqlite.ts'
import { serve } from '../serve.ts'
import { temporaryFolder } from './harnesses.ts'
import { rolloutSuite } from './rollout.ts'
import { isSelected } from './selected.ts'
import { answer, OPTIONS, startOlderApp } from './sqlite-older-app.ts'
import { OLDER_PACKAGES } from './sqlite-older-harness.ts'

if (isSelected('sqlite')) {
  const folder = temporaryFolder()
  const opened: { close(): unknown }[] = []
  after(async () => {
    for (const one of opened) await one.close()
    folder.clean()
  })
  const keep = <T extends { close?(): unknown }>(one: T): T => {
    opened.push(one as T & { close(): unknown })
    return one
  }

  for (const [index, { name, open }] of OLDER_PACKAGES.entries()) {
    const older = (file: string) => (): object => open(keep(new DatabaseSync(file, { timeout: 1000 })))
    const given = folder.path(`given-${index}.db`)
    rolloutSuite({ name: `${name} and sqliteStore`, older: older(given), ours: () => new BackendStore(keep(sqliteStore({ file: given }))) })

    const file = folder.path(`options-${index}.db`)
    const options = () => (index === 0 ? { db: file.slice(1), dir: '/' } : { client: keep(new DatabaseSync(file)) })
    rolloutSuite({
      name: `${name} and SqliteStore of its options`,
      older: older(file),
      ours: () => keep(new (SqliteStore(session))(options()))
    })

    it(`${name} in a process of its own beside ours: under load neither loses a write`, async (t) => {
      const shared = folder.path(`processes-${index}.db`)
      const { port, process } = await startOlderApp(name, shared)
      t.after(() => process.kill())
      const middleware = ours({ ...OPTIONS, store: `sqlite:${shared}` })
      t.after(() => middleware.close())
      await using app = await serve(((req: any, res: any) =>
        middleware(req, res, async (error?: unknown) => {
          if (error) return res.destroy()
          if (req.url === '/add') await req.session.update((draft: any) => (draft.sum = (draft.sum ?? 0) + 1))
          answer(req, res)
        })) as never)
      const ask = async (at: number, path: string, cookie = ''): Promise<{ data: Record<string, unknown>; cookie: string }> => {
        const response = await fetch(`http://127.0.0.1:${at}${path}`, { headers: { cookie } })
        assert.equal(response.status, 200)
        return {
          data: (await response.json()) as Record<string, unknown>,
          cookie: response.headers.get('set-cookie')?.split(';')[0] ?? cookie
        }
      }
      const { cookie } = await ask(port, '/set?name=Ada')
      const both = Array.from({ length: 40 }, async (_, index) => {
        // theirs touches the session that ours counts in, and stores another one
        await ask(port, '/', cookie)
        const other = await ask(port, `/set?own=${index}`)
        await ask(app.port, '/add', cookie)
        assert.equal((await ask(app.port, '/', other.cookie)).data['own'], `${index}`)
        const mine = await ask(app.port, `/set?own=${index}`)
        assert.equal((await ask(port, '/', mine.cookie)).data['own'], `${index}`)
      })
      await Promise.all(both)
      for (const at of [port, app.port]) assert.deepEqual((await ask(at, '/', cookie)).data, { name: 'Ada', sum: 40 })
    })
  }
}
