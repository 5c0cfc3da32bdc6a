import { strict as assert } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { COMMANDS } from '../../src/cli/main.ts'

const FILE = join(import.meta.dirname, '../../../../docs/command-line.md')
const START = '## Commands\n'

/** The part of the page that is made of what the commands say of themselves. */
function commands(): string {
  const parts = Object.entries(COMMANDS).map(([name, { help }]) => `### sessile ${name}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`)
  return `${START}\n<!-- What \`sessile help COMMAND\` prints; a test compares it, and writes it with UPDATE=1. -->\n\n${parts.join('\n')}`
}

it('docs/command-line.md shows the help of every command as it is', () => {
  const page = readFileSync(FILE, 'utf8')
  const intro = page.slice(0, page.indexOf(START))
  if (process.env['UPDATE'] === '1') writeFileSync(FILE, intro + commands())
  assert.equal(readFileSync(FILE, 'utf8'), intro + commands(), 'UPDATE=1 npm test -- cli/docs')
})

it('every command has examples, and says its exit codes', () => {
  for (const [name, { help }] of Object.entries(COMMANDS)) {
    assert.ok(help.startsWith(`sessile ${name}`), name)
    assert.match(help, /Ends with 0/, name)
    if (name !== 'audit') assert.match(help, /Examples:\n {2}\S/, name)
  }
})
