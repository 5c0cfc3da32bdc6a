import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'
import session from 'express-session'
import { BackendStore } from '../../src/entries/index.ts'
import { SqliteStore, sqliteStore } from '../../src/entries/sqlite.ts'
import { temporaryFolder } from './harnesses.ts'
import { rolloutSuite } from './rollout.ts'
import { isSelected } from './selected.ts'
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
  }
}
