import assert from 'node:assert/strict'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { it } from 'node:test'
import { session } from '../../src/express/factory.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { cookieFor, idOf, NAME, SECRET, storeOf, world } from '../security/world.ts'

const SEED = Number(process.env['SEED'] ?? 20_260)
const ROUNDS = 100_000

/** Cookie headers: pieces of what means something, in every order, cut, doubled and damaged. */
function headers(seed: number, good: string, dead: string): () => string {
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const plain = decodeURIComponent(good)
  const pieces = [
    good,
    dead,
    plain,
    NAME,
    `${NAME}=`,
    's:',
    's%3A',
    '=',
    ';',
    '; ',
    '"',
    '%',
    '%00',
    '%E0%A4%A',
    '.',
    '..',
    '\\',
    ',',
    ' ',
    '\t',
    '\u00a0',
    '\u00ff',
    '__proto__',
    'constructor',
    '$Version=1',
    `$${NAME}`,
    '__Host-',
    '{}',
    '[]',
    'null',
    'undefined',
    'true',
    '0',
    '-1',
    'NaN',
    'j:{"a":1}',
    '../',
    '*',
    "'",
    '<script>',
    'x'.repeat(300),
    idOf(good),
    idOf(dead),
    plain.slice(0, 20),
    plain.slice(-20)
  ]
  return () => {
    let text = ''
    for (let n = below(8); n >= 0; n--) text += pieces[below(pieces.length)]
    for (let n = below(4); n > 0 && text.length > 0; n--) {
      const at = below(text.length)
      const kind = below(4)
      if (kind === 0) text = text.slice(0, at) + text.slice(at + 1)
      else if (kind === 1) text = text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at)
      else if (kind === 2) text = text.slice(0, at)
      else text += text.slice(at)
    }
    return text
  }
}

it(`CVE-2014-4179 (hapi yar), CVE-2024-38513 (gofiber): of ${ROUNDS} damaged Cookie headers none is an error and none is adopted`, async (t) => {
  const { backend } = storeOf(t, 'memory')
  const sessions = session({ secret: SECRET, name: NAME, resave: false, saveUninitialized: false, store: backend })
  const run = (cookie: string | undefined, change: boolean): { id: string; whose: unknown; set: string | undefined } => {
    const req = new IncomingMessage(new Socket())
    req.url = '/'
    req.method = 'GET'
    if (cookie !== undefined) req.headers.cookie = cookie
    const res = new ServerResponse(req)
    let outcome: { id: string; whose: unknown } | undefined
    sessions(req, res, (error) => {
      assert.equal(error, undefined, JSON.stringify(cookie))
      const { sessionID, session } = req as any
      outcome = { id: sessionID, whose: session.whose }
      if (change) session.whose = 'new'
      res.end()
    })
    const set = [res.getHeader('set-cookie') ?? []].flat().map(String)[0]
    return { ...outcome!, set: set?.split(';', 1)[0] }
  }
  const { id: goodId, set: good } = run(undefined, true)
  const deadId = run(undefined, true)
  // only the very value that was issued names it
  const spellings = [good!, decodeURIComponent(good!)].map((one) => one.slice(NAME.length + 1))
  await backend.remove(deadId.id)
  const next = headers(SEED, good!, deadId.set!)
  let found = 0
  for (let round = 0; round < ROUNDS; round++) {
    const cookie = next()
    const change = round % 10 === 0
    const { id, whose, set } = run(cookie, change)
    const told = () => `seed ${SEED}, round ${round}: ${JSON.stringify(cookie)}`
    if (id === goodId) {
      found++
      assert.equal(whose, 'new', told())
      assert.ok(
        spellings.some((one) => cookie.includes(one)),
        told()
      )
      continue
    }
    assert.equal(whose, undefined, told())
    assert.match(id, /^[\w-]{32}$/, told())
    assert.equal(cookie.includes(id), false, told())
    assert.notEqual(id, deadId.id, told())
    assert.equal(set === undefined, !change, told())
    if (change) await backend.remove(id)
  }
  assert.ok(found > 100 && found < ROUNDS / 2, `the good cookie came through ${found} times`)
  const { records } = await backend.scan!(undefined, 1000)
  assert.equal(records.length, 1)
  await sessions.close()
})

it('CVE-2014-4179 (hapi yar): so it is over HTTP, whatever Node’s parser lets through', async (t) => {
  const { ask, errors } = await world(t, { kind: 'sqlite' })
  const { cookie } = await ask('/set?name=whose&value=good', { method: 'POST' })
  const next = headers(SEED + 1, cookie!, cookieFor('a'.repeat(32)))
  let asked = 0
  for (let round = 0; round < 2000; round++) {
    const header = next().replace(/[\0-\x08\x0a-\x1f\x7f]/g, '')
    const reply = await ask('/read', { cookie: header })
    asked++
    assert.equal(reply.status, 200, `seed ${SEED + 1}, round ${round}: ${JSON.stringify(header)}`)
    assert.ok([undefined, 'good'].includes(reply.json().data.whose))
  }
  assert.equal(asked, 2000)
  assert.deepEqual(errors, [])
})
