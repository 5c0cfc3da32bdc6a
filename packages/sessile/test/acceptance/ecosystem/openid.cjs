'use strict'
// express-openid-connect with a store of ours, and grant's OAuth round trip in the session, against a provider in the same process.
const assert = require('node:assert')
const { generateKeyPairSync, sign } = require('node:crypto')
const express = require('express')
const session = require('express-session')
const grant = require('grant')
const { auth } = require('express-openid-connect')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** An id token as the provider signs it. */
function tokenOf(claims) {
  const head = `${base64({ alg: 'RS256', kid: 'only' })}.${base64(claims)}`
  return `${head}.${sign('sha256', Buffer.from(head), privateKey).toString('base64url')}`
}

async function provider() {
  const app = express()
  app.use(express.json(), express.urlencoded({ extended: false }))
  app.get('/.well-known/openid-configuration', (req, res) => {
    const issuer = `http://127.0.0.1:${req.socket.localPort}`
    res.json({
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/keys`,
      response_types_supported: ['code', 'id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      response_modes_supported: ['query', 'form_post']
    })
  })
  app.get('/keys', (req, res) => res.json({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'only', alg: 'RS256', use: 'sig' }] }))
  app.post('/token', (req, res) => res.json({ access_token: `token for ${req.body.code}`, token_type: 'bearer' }))
  return (await listen(app)).url
}

run(async () => {
  const issuer = await provider()

  const app = express()
  app.use(session(SETTINGS))
  app.use(
    grant.express({
      defaults: { origin: 'http://127.0.0.1', transport: 'session', state: true },
      own: {
        authorize_url: `${issuer}/authorize`,
        access_url: `${issuer}/token`,
        oauth: 2,
        key: 'app',
        secret: 'shared',
        callback: '/done'
      }
    })
  )
  app.get('/done', (req, res) => res.json(req.session.grant.response.access_token))
  const agent = new Agent((await listen(app)).url)
  const sent = new URL((await agent.ask('/connect/own')).headers.get('location'))
  assert.strictEqual(sent.pathname, '/authorize')
  const back = await agent.ask(`/connect/own/callback?code=abc&state=${sent.searchParams.get('state')}`)
  assert.strictEqual(back.headers.get('location'), '/done')
  assert.strictEqual((await agent.ask('/done')).text, '"token for abc"')

  const guarded = express()
  const store = new session.MemoryStore()
  guarded.use(session(SETTINGS))
  guarded.use(
    auth({
      issuerBaseURL: issuer,
      baseURL: 'http://127.0.0.1',
      clientID: 'app',
      secret: SETTINGS.secret,
      authRequired: false,
      session: { name: 'openid', store },
      transactionCookie: { sameSite: 'Lax' }
    })
  )
  guarded.get('/', (req, res) => {
    req.session.views = (req.session.views ?? 0) + 1
    res.json([req.oidc.user?.sub ?? null, req.session.views])
  })
  const visitor = new Agent((await listen(guarded)).url)
  assert.strictEqual((await visitor.ask('/')).text, '[null,1]')
  const away = new URL((await visitor.ask('/login')).headers.get('location'))
  const now = Math.floor(Date.now() / 1000)
  const token = tokenOf({ iss: issuer, aud: 'app', sub: 'ada', iat: now, exp: now + 60, nonce: away.searchParams.get('nonce') })
  const returned = await visitor.ask('/callback', {
    form: { id_token: token, state: away.searchParams.get('state') }
  })
  assert.strictEqual(returned.status, 302, returned.text)
  assert.strictEqual((await visitor.ask('/')).text, '["ada",2]')
  const stored = await new Promise((resolve, reject) => store.all((error, all) => (error ? reject(error) : resolve(all))))
  assert.strictEqual(Object.keys(stored).length, 1, 'its session is in our store')
  await visitor.ask('/logout')
  assert.strictEqual((await visitor.ask('/')).text, '[null,3]')
})
