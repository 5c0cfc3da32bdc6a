import { DatabaseSync } from 'node:sqlite'
import { after } from 'node:test'
import { temporaryFolder } from './harnesses.ts'
import { processesSuite } from './races.ts'
import { isSelected } from './selected.ts'
import { OLDER_PACKAGES } from './sqlite-older-harness.ts'

if (isSelected('sqlite')) {
  const folder = temporaryFolder()
  processesSuite('sqlite, one file', `sqlite:${folder.path('shared.db')}`)
  for (const { name, open } of OLDER_PACKAGES) {
    const file = folder.path(`${name}.db`)
    const database = new DatabaseSync(file)
    open(database)
    // connect-sqlite3 goes on in the next ticks
    setImmediate(() => database.close())
    processesSuite(`sqlite, table of ${name}`, `sqlite:${file}`)
  }
  after(folder.clean)
}
