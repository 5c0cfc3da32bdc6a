import { strict as assert } from 'node:assert'
import { registerHooks } from 'node:module'
import { after, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverFor } from '@sessile/test-servers'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { newId } from '../../src/core/ids.ts'
import { redisStore } from '../../src/stores/redis/backend.ts'
import { counting, countUnder, recordsWithin, Writers } from './faults-writers.ts'
import { CLUSTER_CLIENTS, freshPrefix } from './redis-harness.ts'
import { isSelected } from './selected.ts'

const DEADLINE_MS = 1000
/** What is said of a node that is not there. */
const CLEAR = /offline|closed|node is down|took longer/

/** Which driver this process has, as if the other were not installed. */
let driver: 'node-redis' | 'ioredis' = 'node-redis'
const hooks = registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== 'redis' || driver === 'node-redis') return next(specifier, context)
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' })
  }
})
after(() => hooks.deregister())

// by default all of a cluster stands still while a node is missing
const options = { args: ['--cluster-require-full-coverage', 'no'] }
const cluster = isSelected('redis') ? await serverFor('redis cluster in trouble', 'redis-cluster', options) : undefined

interface Over {
  readonly store: SessionBackend
  end(): Promise<void>
}

/** Stores of each kind: by URL and over an app's client, with each of the two drivers. */
function storesOn({ urls }: { readonly urls: readonly string[] }): Record<string, (prefix: string) => Promise<Over>> {
  const url = `redis+cluster://${urls.map((one) => new URL(one).host).join(',')}`
  const byUrl = (over: typeof driver) => async (prefix: string) => {
    driver = over
    const store = redisStore({ url, prefix })
    await store.open!()
    return { store, end: async () => store.close!() }
  }
  const overClient = (over: typeof driver) => async (prefix: string) => {
    const { client, end } = await CLUSTER_CLIENTS[over](urls)
    return { store: redisStore({ client, prefix }), end }
  }
  return {
    'node-redis by URL': byUrl('node-redis'),
    'ioredis by URL': byUrl('ioredis'),
    "an app's node-redis": overClient('node-redis'),
    "an app's ioredis": overClient('ioredis')
  }
}

if (cluster?.moveSlot) {
  const { nodes, slotOf, ownerOf, moveSlot, errors, settled } = bound(cluster as Required<typeof cluster>)
  for (const [name, make] of Object.entries(storesOn(cluster))) {
    describe(`redis cluster over ${name}, in trouble`, () => {
      it('slots that move to other nodes under writes: nothing fails, and what was acknowledged is there', async (context) => {
        // what stands in braces decides on the slot: all sessions are in one
        const prefix = `{${freshPrefix()}}`
        const { store, end } = await make(prefix)
        context.after(end)
        const slot = await slotOf(`${prefix}x`)
        const before = { ask: await errors('ASK'), moved: await errors('MOVED') }
        // so many that moving them takes a while
        const others = Array.from({ length: 300 }, () => newId())
        await Promise.all(others.map((key) => store.create(key, { data: counting(1).text, expiresAt: Date.now() + 60_000 })))
        const writers = await Writers.start(store, DEADLINE_MS)
        for (let round = 0; round < 6; round++) {
          await moveSlot(slot, (ownerOf(slot) + 1) % nodes.length)
          await pause(50)
        }
        await writers.finish()
        for (const key of others) assert.equal(await countUnder(recordsWithin(store, DEADLINE_MS), key), 1)
        assert.ok((await errors('ASK')) > before.ask && (await errors('MOVED')) > before.moved, 'clients were sent on')
        assert.deepEqual(writers.failures, [])
      })

      it('a node that is killed: the other slots go on, errors are clear and quick, and it is back by itself', async (context) => {
        const prefix = freshPrefix()
        const { store, end } = await make(prefix)
        context.after(end)
        const records = recordsWithin(store, DEADLINE_MS)
        const sessions = await Promise.all(
          Array.from({ length: 60 }, async () => {
            const key = newId()
            await records.create(key, counting(0))
            return { key, isLost: ownerOf(await slotOf(prefix + key)) === 1, count: 0 }
          })
        )
        const messages = new Set<string>()
        let slowestMs = 0

        /** Counts in a session for as long as the node is away. */
        async function work(session: (typeof sessions)[number]): Promise<void> {
          const start = performance.now()
          try {
            const loaded = (await records.load(session.key))!
            await records.commit(loaded, counting(session.count + 1))
            session.count++
          } catch (error) {
            if (!isSessionError(error)) throw error
            assert.ok(session.isLost, `a session on another node: ${error.message}`)
            assert.equal(error.status, 503)
            messages.add(error.message)
          }
          slowestMs = Math.max(slowestMs, performance.now() - start)
        }

        await nodes[1]!.kill()
        try {
          const until = performance.now() + 2500
          await Promise.all(
            sessions.map(async (session) => {
              while (performance.now() < until) {
                await work(session)
                await pause(20)
              }
            })
          )
        } finally {
          await nodes[1]!.restart()
          await settled()
        }
        context.diagnostic(`${Math.round(slowestMs)} ms, ${[...messages].join('; ')}`)
        assert.ok(slowestMs < DEADLINE_MS + 500, `${slowestMs} ms`)
        assert.ok(messages.size > 0)
        for (const message of messages) assert.match(message, CLEAR)
        for (const session of sessions) {
          assert.ok(session.isLost ? session.count === 0 : session.count > 10, `${session.count} writes`)
          const { count } = session
          for (let tries = 0; session.count === count && tries < 100; tries++) {
            if (tries > 0) await pause(50)
            await work({ ...session, isLost: true }).then(async () => {
              session.count = await countUnder(records, session.key).catch(() => count)
            })
          }
          assert.equal(session.count, count + 1)
        }
      })
    })
  }
}

/** The methods of a cluster, to be called by themselves. */
function bound<T extends Record<'slotOf' | 'ownerOf' | 'moveSlot' | 'errors' | 'settled' | 'nodes', unknown>>(of: T): T {
  const methods = ['slotOf', 'ownerOf', 'moveSlot', 'errors', 'settled'] as const
  const entries = methods.map((name) => [name, (of[name] as (...given: unknown[]) => unknown).bind(of)])
  return { nodes: of.nodes, ...Object.fromEntries(entries) } as T
}
