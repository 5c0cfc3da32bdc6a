import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sign } from 'cookie-signature'
import originalParse from 'cookie'
import { cookieValue, requestCookie } from '../../src/express/cookie-header.ts'
import { both, cookieFor, options, ours, SECRET, serve } from './helpers.ts'

const teller = (req: any, res: any) => {
  req.session.x = 1
  res.end(req.sessionID)
}

async function withSession(session: any, t: any, more: object = {}, before?: any) {
  const store = new session.MemoryStore()
  for (const id of ['apple', 'a.b.c', 'pear']) store.set(id, { cookie: { path: '/' } })
  return serve(t, session(options({ store, ...more })), teller, before)
}

both('40. the first cookie of the name counts, decoded, among anything else', async (session, t) => {
  const server = await withSession(session, t)
  const cookie = cookieFor('apple')
  const plain = decodeURIComponent(cookie)
  for (const header of [
    cookie,
    plain,
    `${cookie}; ${cookieFor('pear')}`,
    `HttpOnly; Path=/; ${cookie}; Secure`,
    `a; =b; ;; ${cookie}`,
    `x=%ZZ; ${cookie}`,
    `connect.sid="${plain.slice(12)}"`,
    `  connect.sid  =  ${plain.slice(12)}  `
  ])
    assert.equal((await server.get('/', { cookie: header })).body, 'apple', header)
  assert.notEqual((await server.get('/', { cookie: `connect.sid=x; ${cookie}` })).body, 'apple')
})

test('40. the header is read as the cookie package reads it', () => {
  const parts = ['n=1', 'n', '=n', 'n="q"', 'n="', ' n =\t2 ', 'n=%41', 'n=%', 'xn=3', 'n=a=b', '', 'N=4', '\u00a0n=5']
  for (const one of parts)
    for (const two of parts)
      for (const three of parts) {
        const header = [one, two, three].join(';')
        assert.equal(cookieValue(header, 'n'), (originalParse as any).parse(header).n, header)
      }
})

both('41. only a good signature counts, cut at the last dot, by any of the secrets', async (session, t) => {
  const server = await withSession(session, t, { secret: ['first', SECRET] })
  assert.equal((await server.get('/', { cookie: cookieFor('a.b.c') })).body, 'a.b.c')
  assert.equal((await server.get('/', { cookie: cookieFor('a.b.c', 'first') })).body, 'a.b.c')
  const signed = sign('apple', SECRET)
  for (const value of [
    'apple',
    `s:apple`,
    `s:apple.`,
    signed,
    `s:${signed}x`,
    `s:${signed.slice(0, -1)}`,
    `s:b${signed}`,
    `S:${signed}`,
    's:',
    `s:${signed}=`
  ]) {
    const answer = await server.get('/', { cookie: `connect.sid=${encodeURIComponent(value)}` })
    assert.notEqual(answer.body, 'apple', value)
    assert.ok(answer.cookie)
  }
})

both('42. what cookie-parser found counts where the header gives nothing', async (session, t) => {
  const signed = decodeURIComponent(cookieFor('apple').slice(12))
  for (const found of [{ signedCookies: { 'connect.sid': 'apple' } }, { cookies: { 'connect.sid': signed } }]) {
    const server = await withSession(session, t, {}, (req: any) => {
      Object.assign(req, found)
      req.headers.cookie = undefined
    })
    assert.equal((await server.get()).body, 'apple')
  }
})

both('42. unsigned req.cookies count for nothing, and the header goes first', async (session, t) => {
  const unsigned = await withSession(session, t, {}, (req: any) => {
    req.cookies = { 'connect.sid': 'apple' }
  })
  assert.notEqual((await unsigned.get()).body, 'apple')
  const both = await withSession(session, t, {}, (req: any) => {
    req.signedCookies = { 'connect.sid': 'pear' }
  })
  assert.equal((await both.get('/', { cookie: cookieFor('apple') })).body, 'apple')
  assert.equal((await both.get('/', { cookie: 'connect.sid=forged' })).body, 'pear')
})

test('43. only text counts, and an empty id counts as none', async (t) => {
  for (const value of [{}, { toString: () => 'apple' }, false, true, 1, ['apple'], '']) {
    const server = await withSession(ours, t, {}, (req: any) => {
      req.signedCookies = { 'connect.sid': value }
      req.cookies = { 'connect.sid': value }
    })
    const answer = await server.get()
    assert.equal(answer.status, 200)
    assert.equal(answer.body.length, 32)
  }
  const server = await withSession(ours, t)
  assert.equal((await server.get('/', { cookie: `connect.sid=s:${sign('', SECRET)}` })).body.length, 32)
})

test('what is signed is what was decoded: an id with a percent sign has to come encoded', () => {
  const told = (value: string) => requestCookie({ headers: { cookie: `sid=${value}` } } as any, 'sid', [SECRET], () => {}).id
  const signed = sign('a%41', SECRET)
  assert.equal(told(encodeURIComponent(`s:${signed}`)), 'a%41')
  const [id, mac] = signed.split('.') as [string, string]
  assert.equal(told(`s%3A${id}.${encodeURIComponent(mac)}`), undefined)
})
