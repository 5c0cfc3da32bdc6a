import assert from 'node:assert/strict'
import { it } from 'node:test'
import express from 'express'
import { noStore } from '../../src/security/no-store.ts'
import { serve } from '../serve.ts'

it('noStore keeps an answer out of every cache, and keeps what Vary says already', async () => {
  const app = express()
  app.get('/plain', noStore(), (_req, res) => {
    res.json({})
  })
  app.get(
    '/varied',
    (_req, res, next) => {
      res.vary('Accept')
      next()
    },
    noStore(),
    noStore(),
    (_req, res) => {
      res.vary('Origin').json({})
    }
  )
  app.get(
    '/star',
    (_req, res, next) => {
      res.set('Vary', '*')
      next()
    },
    noStore(),
    (_req, res) => {
      res.json({})
    }
  )
  await using server = await serve(app)
  const plain = await server.ask('GET', '/plain')
  assert.equal(plain.headers['cache-control'], 'no-store')
  assert.equal(plain.headers.vary, 'Cookie')
  assert.equal((await server.ask('GET', '/varied')).headers.vary, 'Accept, Cookie, Origin')
  assert.equal((await server.ask('GET', '/star')).headers.vary, '*')
})

it('noStore works without Express', async () => {
  const middleware = noStore()
  await using server = await serve((req, res) => middleware(req, res, () => res.end('x')))
  assert.equal((await server.ask('GET', '/')).headers['cache-control'], 'no-store')
})
