import { after } from 'node:test'
import { temporaryFolder } from './harnesses.ts'
import { processesSuite } from './races.ts'
import { isSelected } from './selected.ts'

if (isSelected('sqlite')) {
  const folder = temporaryFolder()
  processesSuite('sqlite, one file', `sqlite:${folder.path('shared.db')}`)
  after(folder.clean)
}
