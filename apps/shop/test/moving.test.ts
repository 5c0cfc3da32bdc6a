import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { registered, startProcess, temporaryFolder, type Client, type ShopProcess } from './helpers.ts'

const VISITORS = 12
const command = join(dirname(createRequire(import.meta.url).resolve('sessile/package.json')), 'bin/sessile.js')

describe('STORE_MOVE_FROM', () => {
  it('moves the sessions of a shop under load from sqlite to redis, and nobody is logged out', { timeout: 120_000 }, async (t) => {
    const redis = await serverFor(t, 'redis')
    if (!redis) return
    await using folder = await temporaryFolder()
    const from = `sqlite:${join(folder.path, 'sessions.db')}`
    const to = `${redis.url}?prefix=moved:`
    const env = { DATA_DIR: folder.path }

    const visitors: { client: Client; views: number }[] = []
    {
      await using before = await startProcess({ ...env, STORE_URL: from })
      for (let n = 0; n < VISITORS; n++) visitors.push({ client: await registeredAt(before), views: 0 })
      await before.end()
    }

    // each looks around all the while, and counts what was answered
    const stop = new AbortController()
    const look = async (visitor: { client: Client; views: number }): Promise<void> => {
      while (!stop.signal.aborted) {
        const answers = await Promise.all([visitor.client.get('/'), visitor.client.get('/profile')])
        assert.deepEqual(
          answers.map(({ status }) => status),
          [200, 200]
        )
        visitor.views = Math.max(visitor.views, answers[0]!.json.views)
      }
    }
    const seen = async () => (await Promise.all(visitors.map(({ client }) => client.get('/')))).map(({ json }) => json.views as number)
    {
      await using moving = await startProcess({ ...env, STORE_URL: to, STORE_MOVE_FROM: from })
      for (const visitor of visitors) visitor.client = at(moving, visitor.client)
      // one is not met while it moves: only the command moves it
      const load = Promise.all(visitors.slice(1).map(look))
      const child = spawn(process.execPath, [command, 'migrate', '--from', from, '--to', to, '--remove', '--batch', '3', '--json'])
      let output = ''
      child.stdout.on('data', (chunk) => (output += String(chunk)))
      const [code] = (await once(child, 'exit')) as [number]
      const counts = JSON.parse(output) as Record<string, number>
      stop.abort()
      await load
      assert.equal(code, 0)
      assert.equal(counts['read'], counts['moved']! + counts['alreadyThere']! + counts['expired']! + counts['failed']!)
      assert.equal(counts['failed'], 0)
      assert.ok(counts['moved']! >= 1)
      await moving.end()
    }

    await using after = await startProcess({ ...env, STORE_URL: to })
    for (const visitor of visitors) visitor.client = at(after, visitor.client)
    for (const { client } of visitors) assert.equal((await client.get('/profile')).status, 200, 'somebody was logged out')
    for (const [place, views] of (await seen()).entries()) assert.ok(views > visitors[place]!.views, 'views were lost')
  })
})

async function registeredAt(shop: ShopProcess): Promise<Client> {
  return (await registered(shop)).client
}

/** The same browser at another process of the shop. */
function at(shop: ShopProcess, { cookies }: Client): Client {
  const client = shop.client()
  for (const [name, value] of cookies) client.cookies.set(name, value)
  return client
}
