'use strict'
// passport (local strategy) and connect-flash: sign in with a message, keep the cart, sign out.
const assert = require('node:assert')
const express = require('express')
const session = require('express-session')
const flash = require('connect-flash')
const passport = require('passport')
const { Strategy } = require('passport-local')
const { Agent, listen, run, SETTINGS } = require('./agent.cjs')

passport.use(new Strategy((name, password, done) => done(null, password === 'right' && { id: name }, { message: 'wrong password' })))
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, { id }))

run(async () => {
  const app = express()
  const sessions = session(SETTINGS)
  app.use(sessions, passport.session(), flash(), express.json())
  app.post('/cart', (req, res) => {
    req.session.cart = ['mug']
    res.end('ok')
  })
  app.post(
    '/in',
    passport.authenticate('local', { successRedirect: '/me', failureRedirect: '/failed', failureFlash: true, keepSessionInfo: true })
  )
  app.get('/failed', (req, res) => res.json(req.flash('error')))
  app.get('/me', (req, res) => res.json({ user: req.user?.id ?? null, cart: req.session.cart ?? null }))
  app.post('/out', (req, res, next) => req.logout((error) => (error ? next(error) : res.redirect('/me'))))
  const { url } = await listen(app)
  const agent = new Agent(url)
  await agent.ask('/cart', { body: {} })
  const before = agent.cookie

  assert.strictEqual((await agent.ask('/in', { body: { username: 'ada', password: 'no' } })).headers.get('location'), '/failed')
  assert.strictEqual((await agent.ask('/failed')).text, '["wrong password"]')
  assert.strictEqual((await agent.ask('/failed')).text, '[]')
  assert.strictEqual((await agent.ask('/in', { body: { username: 'ada', password: 'right' } })).headers.get('location'), '/me')
  assert.notStrictEqual(agent.cookie, before, 'passport renews the id')
  assert.strictEqual((await agent.ask('/me')).text, '{"user":"ada","cart":["mug"]}')
  assert.strictEqual((await sessions.of('ada')).length, 1, "found by passport's user")
  const stolen = agent.cookie
  await agent.ask('/out', { body: {} })
  assert.strictEqual((await agent.ask('/me')).text, '{"user":null,"cart":null}')
  agent.cookies = new Map([stolen.split('=')])
  assert.strictEqual((await agent.ask('/me')).text, '{"user":null,"cart":null}', 'the cookie from before signing out')
})
