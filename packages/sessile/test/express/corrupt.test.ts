import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { cookieFor, options, ours, serve } from './helpers.ts'

const COOKIE = '"cookie":{"originalMaxAge":60000,"expires":"2099-01-01T00:00:00.000Z","httpOnly":true,"path":"/"}'
const TEXTS = [
  '',
  '5',
  'null',
  'true',
  '"x"',
  '[]',
  '{"cookie":null}',
  '{"cookie":5}',
  '{"cookie":"x"}',
  '{"cookie":{},"a":1',
  `{${COOKIE},"a":1`,
  `{${COOKIE},"a":{"b":`,
  `{${COOKIE}`,
  '{"cookie":{"originalMaxAge":"x","expires":5}}',
  '{"cookie":{"expires":"nonsense"}}',
  '{"cookie":{"originalMaxAge":60000,"expires":null,"maxAge":"bad"},"a":1}',
  `{${COOKIE},"~":5}`,
  `{${COOKIE},"a":NaN}`
]

for (const hashIds of [false, 'migrate'] as const) {
  test(`a record that is broken or none of ours is no session, and never an error (hashIds: ${hashIds})`, async (t) => {
    const backend = memoryStore()
    const server = await serve(t, ours(options({ store: backend, hashIds })), (req, res) => {
      if (req.url === '/look') void req.session.a
      if (req.url === '/set') req.session.z = 1
      res.end(req.url === '/unseen' ? '{}' : JSON.stringify(req.session))
    })
    for (const [i, text] of TEXTS.entries()) {
      for (const path of ['/unseen', '/look', '/set']) {
        const id = `id${i}${path.slice(1)}`
        await backend.create(id, { data: text, expiresAt: Date.now() + 60_000 })
        const answer = await server.get(path, { cookie: cookieFor(id) })
        assert.equal(answer.status, 200, `${path} of ${text}: ${answer.body}`)
      }
    }
    assert.deepEqual(server.errors, [])
  })
}
