import { strict as assert } from 'node:assert'
import { PassThrough } from 'node:stream'
import { it } from 'node:test'
import { Trouble } from '../../src/cli/command.ts'
import { confirmed } from '../../src/cli/confirm.ts'

/** A terminal at which somebody types this. */
function typing(text: string, isTTY = true) {
  const stdin = Object.assign(new PassThrough(), { isTTY })
  stdin.end(text)
  const stderr = Object.assign(new PassThrough(), { isTTY })
  return { stdin, stderr, stdout: { write: () => {} }, env: {} }
}

it('only a yes is one; the end of what is typed is none', async () => {
  for (const [text, answer] of [
    ['y\n', true],
    ['yes\n', true],
    ['n\n', false],
    ['\n', false],
    ['', false]
  ] as const)
    assert.equal(await confirmed(typing(text), 'End 2 sessions?', false), answer, JSON.stringify(text))
})

it('does not ask where it was said beforehand, and refuses where nobody can be asked', async () => {
  assert.equal(await confirmed(typing('n\n'), 'End 2 sessions?', true), true)
  await assert.rejects(confirmed(typing('y\n', false), 'End 2 sessions?', false), Trouble)
})
