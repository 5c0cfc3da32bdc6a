import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { it } from 'node:test'

it('CVE-2023-20866 (Spring Session): no id is printed, with DEBUG=*, all events told and things going wrong', async () => {
  const env = { ...process.env, DEBUG: '*', NODE_ENV: 'production', NO_DEPRECATION: '', NODE_DEBUG: '' }
  const child = fork(join(import.meta.dirname, 'talking-process.ts'), { env, silent: true })
  let printed = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  let told: { cookies: string[]; ids: string[] } | undefined
  child.on('message', (message: typeof told) => {
    told = message
  })
  await once(child, 'close')
  assert.ok(told, printed)
  const { cookies, ids } = told
  assert.ok(ids.length >= 4)
  assert.match(printed, /express-session/, 'it did talk')
  assert.match(printed, /signed-in \{/)
  assert.match(printed, /a handler that fails/)
  // express' own router prints addresses, not cookies
  for (const secret of [...cookies, ...ids]) {
    for (const form of [secret, decodeURIComponent(secret), encodeURIComponent(secret)])
      assert.equal(printed.includes(form), false, 'an id is in the log')
  }
})
