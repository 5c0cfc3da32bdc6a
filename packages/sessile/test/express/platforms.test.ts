import assert from 'node:assert/strict'
import { createServer, request } from 'node:http'
import { connect, createServer as createHttp2, type Http2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { test } from 'node:test'
import express from 'express'
// @ts-expect-error it has no types under this name
import express4 from 'express4'
import { cookieFor, idOf, options, ours } from './helpers.ts'

interface Reply {
  readonly status: number
  readonly cookie: string | undefined
  readonly body: string
}

type Ask = (port: number, path: string, cookie?: string) => Promise<Reply>

const LARGE = { maxHeaderSize: 400_000 }

async function act(req: any, res: any): Promise<void> {
  try {
    const path = req.url as string
    if (path === '/views') req.session.views = (req.session.views ?? 0) + 1
    if (path === '/count') await req.session.update((draft: any) => (draft.n = (draft.n ?? 0) + 1))
    if (path === '/in') await req.session.signIn('u1')
    if (path === '/out') await req.session.signOut()
    if (path === '/stream') {
      req.session.streamed = true
      res.write(' ')
    }
    res.end(JSON.stringify({ id: req.sessionID, ...req.session, cookie: undefined }))
  } catch (error) {
    res.statusCode = 500
    res.end(String(error))
  }
}

function bare(sessions: any) {
  return (req: any, res: any) =>
    sessions(req, res, (error: unknown) => {
      if (!error) return void act(req, res)
      res.statusCode = 500
      res.end(String(error))
    })
}

function app(make: any, sessions: any) {
  const made = make()
  made.use(sessions, (req: any, res: any) => void act(req, res))
  return made
}

const byHttp: Ask = (port, path, cookie) =>
  new Promise((resolve, reject) => {
    const asked = request({ port, path, agent: false, ...LARGE, headers: cookie ? { cookie } : {} }, (res) => {
      let body = ''
      res.on('data', (chunk) => (body += chunk))
      res.on('end', () => resolve({ status: res.statusCode!, cookie: res.headers['set-cookie']?.[0]?.split(';')[0], body }))
    })
    asked.on('error', reject).end()
  })

const byHttp2: Ask = (port, path, cookie) =>
  new Promise((resolve, reject) => {
    const client = connect(`http://localhost:${port}`)
    const stream = client.request({ ':path': path, ...(cookie ? { cookie } : {}) })
    let reply: Omit<Reply, 'body'>
    let body = ''
    stream.on('response', (headers) => {
      reply = { status: headers[':status']!, cookie: headers['set-cookie']?.[0]?.split(';')[0] }
    })
    stream.on('data', (chunk) => (body += chunk))
    stream.on('end', () => {
      client.close()
      resolve({ ...reply, body })
    })
    stream.on('error', reject)
  })

const PLATFORMS: Record<string, { serve: (sessions: any) => Server | Http2Server; ask: Ask; isLarge: boolean }> = {
  'Express 5': { serve: (sessions) => createServer(LARGE, app(express, sessions)), ask: byHttp, isLarge: true },
  'Express 4': { serve: (sessions) => createServer(LARGE, app(express4, sessions)), ask: byHttp, isLarge: true },
  'node:http': { serve: (sessions) => createServer(LARGE, bare(sessions)), ask: byHttp, isLarge: true },
  "HTTP/2's compatibility API": { serve: (sessions) => createHttp2(bare(sessions)), ask: byHttp2, isLarge: false }
}

for (const [name, { serve, ask, isLarge }] of Object.entries(PLATFORMS)) {
  for (const store of ['memory:', 'sqlite::memory:']) {
    test(`${name}: what a session is for (${store})`, async (t) => {
      const sessions = ours(options({ store }))
      const server = serve(sessions)
      await new Promise<void>((resolve) => server.listen(0, resolve))
      t.after(() => new Promise<void>((resolve) => void server.close(() => resolve())))
      const { port } = server.address() as AddressInfo
      const get = async (path: string, cookie?: string) => {
        const reply = await ask(port, path, cookie)
        assert.equal(reply.status, 200, `${path}: ${reply.body}`)
        return { ...reply, ...(JSON.parse(reply.body) as Record<string, any>) } as any
      }
      assert.equal((await get('/look')).cookie, undefined, 'nothing was changed')
      const first = await get('/views')
      assert.deepEqual([first.views, (await get('/views', first.cookie)).views], [1, 2])
      await Promise.all(Array.from({ length: 10 }, () => get('/count', first.cookie)))
      await get('/stream', first.cookie)
      const signedIn = await get('/in', first.cookie)
      const { n, views, streamed, userId } = await get('/look', signedIn.cookie)
      assert.deepEqual([n, views, streamed, userId], [10, 2, true, 'u1'])
      assert.equal((await get('/look', first.cookie)).views, undefined, 'the old id is dead')
      await get('/out', signedIn.cookie)
      assert.equal((await get('/look', signedIn.cookie)).userId, undefined)

      if (!isLarge) return
      const { id, cookie } = await get('/views')
      const many = Array.from({ length: 1000 }, (_, i) => cookieFor(`guess${i}`, 'another secret')).join('; ')
      const large = `other=${'x'.repeat(100_000)}`
      for (const header of [
        many,
        large,
        `${large}; ${many}`,
        `connect.sid=s%3A${'y'.repeat(100_000)}.z`,
        `connect.sid=${'%25'.repeat(30_000)}`
      ]) {
        const start = performance.now()
        const stranger = await get('/look', header)
        assert.ok(performance.now() - start < 1000, 'it takes no time worth a denial of service')
        assert.equal(header.includes(stranger.id), false)
        assert.equal(stranger.views, undefined)
      }
      assert.equal((await get('/look', `${large}; ${cookie}`)).id, id, 'beside a large one of another name')
      assert.equal(idOf(cookie), id)
    })
  }
}
