import { strict as assert } from 'node:assert'
import { PassThrough } from 'node:stream'
import { it } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { main } from '../../src/cli/main.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { folder, HOUR } from './running.ts'

/** What is printed where somebody looks, or nobody does. */
async function printed(args: readonly string[], isTTY: boolean) {
  const streams = { stdout: Object.assign(new PassThrough(), { isTTY }), stderr: Object.assign(new PassThrough(), { isTTY }) }
  const code = await main(args, { ...streams, env: {} })
  return { code, stdout: String(streams.stdout.read() ?? ''), stderr: String(streams.stderr.read() ?? '') }
}

it('long work has a bar and tables a bold head, for somebody who looks; for a program neither', async () => {
  const [from, to, other] = ['from', 'to', 'other'].map((name) => `sqlite:${folder.path(`${name}.db`)}`) as [string, string, string]
  const backend = backendByUrl(from)
  const { records } = recordsOn(backend)
  const text = JSON.stringify({ cookie: { originalMaxAge: HOUR } })
  for (let n = 0; n < 12; n += 1) await records.create(newId(), change({}, { text, expiresAt: Date.now() + HOUR }))
  await backend.close!()

  const shown = await printed(['migrate', '--from', from, '--to', to], true)
  assert.match(stripVTControlCharacters(shown.stderr), /Counting sessions: 12.*Copying sessions: .* 100 % \| 12 of 12/s)
  assert.equal(shown.stdout, '12 sessions read: 12 copied, 0 already there, 0 expired, 0 failed.\n')
  const list = await printed(['list', from], true)
  assert.match(list.stdout, /^\u001b\[1mSESSION\u001b\[22m/)
  assert.match(stripVTControlCharacters(list.stderr), /Reading sessions: 12/)
  const revoked = await printed(['revoke', from, '--all', '--yes'], true)
  assert.match(stripVTControlCharacters(revoked.stderr), /Ending sessions: .* 100 % \| 12 of 12/s)

  const quiet = await printed(['migrate', '--from', to, '--to', other], false)
  assert.deepEqual([quiet.code, quiet.stderr], [0, ''])
  assert.doesNotMatch((await printed(['list', other], false)).stdout, /\u001b/)
})
