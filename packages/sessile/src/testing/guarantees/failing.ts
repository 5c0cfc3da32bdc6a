import { strict as assert } from 'node:assert'
import { wrapBackend, type SessionBackend } from '../../core/backend.ts'
import { isSessionError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import type { SessionRecords } from '../../core/records.ts'
import { always, withFaults } from '../faults.ts'
import type { LawTest, Stand } from '../harness.ts'
import { seededRandom } from '../random.ts'
import { attributesOf, badLine, change, recordsOn } from './tools.ts'

/** How many random interleavings each test runs; `TORTURE_ROUNDS` asks for more. */
const ROUNDS = Number(process.env['TORTURE_ROUNDS'] ?? 60)
const REQUESTS = 8
const RENEWAL = { reason: 'asked', follow: true, overlapMs: 0 } as const

interface Round {
  readonly seed: number
  readonly random: () => number
  /** The keys that requests give to the session when they renew it; the first is its key at the beginning. */
  readonly keys: readonly string[]
  /** One for each request. */
  readonly requests: readonly SessionRecords[]
  readonly late: Promise<unknown>[]
}

async function rounds(stand: Stand, lossy: number, run: (round: Round) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = seededRandom(seed)
    const late: Promise<unknown>[] = []
    const processes = [0, 1, 2].map((at) => recordsOn(badLine(stand.view(at) as SessionBackend, random, lossy, late)).records)
    await run({
      seed,
      random,
      late,
      keys: Array.from({ length: REQUESTS + 1 }, newId),
      requests: Array.from({ length: REQUESTS }, () => processes[Math.floor(random() * processes.length)]!)
    })
  }
}

/** Lets something happen that may fail because of the line, and only because of it. */
async function mayFail(seed: number, act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    assert.ok(isSessionError(error), `seed ${seed}: ${String(error)}`)
    return false
  }
}

async function nothingLost(stand: Stand, lossy: number): Promise<void> {
  await rounds(stand, lossy, async ({ seed, random, keys, requests, late }) => {
    const { records: calm } = recordsOn(stand.backend)
    await calm.create(keys[0]!, change({ n: 0 }))
    let key = keys[0]!
    let counted = 0
    let unsure = 0
    const acknowledged = new Set<string>()
    const possible = new Set<string>(['n'])
    await Promise.all(
      requests.map(async (records, at) => {
        const kind = random()
        const own = `own${at}`
        const done = await mayFail(seed, async () => {
          const loaded = await records.load(key)
          if (!loaded) return
          if (kind < 0.45) {
            const outcome = await records.update(loaded, loaded.text, (text) =>
              change({ ...attributesOf(text), n: Number(attributesOf(text)['n']) + 1 })
            )
            if (outcome !== 'gone') counted++
          } else if (kind < 0.9) {
            const outcome = await records.commit(loaded, change({ ...attributesOf(loaded.text), [own]: true }))
            if (outcome !== 'gone') acknowledged.add(own)
          } else {
            const renewed = await records.renew(loaded, keys[at + 1]!, change(attributesOf(loaded.text)), RENEWAL)
            if (renewed !== 'gone') key = renewed.key
          }
        })
        if (!done && kind < 0.45) unsure++
        if (acknowledged.has(own) || !done) possible.add(own)
      })
    )
    await Promise.all(late)
    const live = (await Promise.all(keys.map((one) => calm.load(one)))).filter((one) => one !== undefined)
    if (lossy === 0) assert.equal(live.length, 1, `seed ${seed}: exactly one id is alive`)
    // a renewal of which nobody knows whether it came about may leave a second id that nobody knows either
    if (live.length !== 1) return
    const stored = attributesOf(live[0]!.text)
    const n = Number(stored['n'])
    assert.ok(n >= counted && n <= counted + unsure, `seed ${seed}: counted ${counted} to ${counted + unsure}, stored ${n}`)
    for (const name of acknowledged) assert.ok(stored[name], `seed ${seed}: ${name} was acknowledged and is lost`)
    for (const name of Object.keys(stored)) assert.ok(possible.has(name), `seed ${seed}: ${name} was refused and is there`)
  })
}

async function staysEnded(stand: Stand, lossy: number): Promise<void> {
  await rounds(stand, lossy, async ({ seed, random, keys, requests, late }) => {
    const { records: calm } = recordsOn(stand.backend)
    await calm.create(keys[0]!, change({}))
    let ended = false
    await Promise.all(
      requests.map((records, at) =>
        mayFail(seed, async () => {
          const loaded = await records.load(keys[0]!)
          const kind = random()
          if (at === 3) {
            await records.destroy(keys[0]!)
            ended = true
          } else if (loaded && kind < 0.25) await records.renew(loaded, keys[at + 1]!, change({ at }), RENEWAL)
          else if (loaded && kind < 0.8) await records.commit(loaded, change({ [`own${at}`]: true }))
          else if (loaded) await records.touch(loaded, loaded.stored.expiresAt + 1000)
        })
      )
    )
    await Promise.all(late)
    if (!ended) return
    for (const key of lossy === 0 ? keys : keys.slice(0, 1)) assert.equal(await calm.load(key), undefined, `seed ${seed}: revived`)
  })
}

async function countsOnce(stand: Stand): Promise<void> {
  const shared = { ...wrapBackend(stand.backend, (_operation, call) => call()), traits: { shared: true, atomicSwap: true } }
  const { records } = recordsOn(
    withFaults(
      shared,
      always('repeated', (operation) => operation === 'create' || operation === 'swap')
    )
  )
  const { records: calm } = recordsOn(shared)
  const key = newId()
  const created = await records.create(key, change({ n: 0 }))
  const add = (text: string) => change({ ...attributesOf(text), n: Number(attributesOf(text)['n']) + 1 })
  await records.update(created, created.text, add)
  await records.commit(created, change({ ...attributesOf(created.text), own: true }))
  const renewed = await records.renew(created, newId(), change(attributesOf(created.text)), RENEWAL)
  assert.ok(renewed !== 'gone', 'the renewal came about')
  await records.update(renewed, renewed.text, add)
  assert.equal(await calm.find(key), undefined)
  assert.deepEqual(attributesOf((await calm.find(renewed.key))!.text), { n: 2, own: true })
}

/** Some calls, such as a sign-in's, write a session several times; each write begins with what the one before left. */
async function writesAgain(stand: Stand): Promise<void> {
  for (const fault of ['refused', 'lost'] as const) {
    const shared = { ...wrapBackend(stand.backend, (_operation, call) => call()), traits: { shared: true, atomicSwap: true } }
    const { records } = recordsOn(
      withFaults(
        shared,
        always(fault, (operation, count) => operation === 'swap' && count === 1)
      )
    )
    const { records: calm } = recordsOn(shared)
    const created = await records.create(newId(), change({ n: 0 }))
    assert.equal(await records.commit(created, change({ n: 1 })), 'saved')
    assert.equal(await records.commit(created, change({ n: 2 })), 'saved', `the second write, ${fault}`)
    assert.deepEqual(attributesOf((await calm.find(created.key))!.text), { n: 2 })
  }
}

/** The guarantees in random interleavings of several processes, also over a line that loses calls and answers. */
export const failingGuarantees: readonly LawTest[] = [
  { name: 'a write that a client sends twice counts once, though its second answer says that others were first', run: countsOnce },
  { name: 'a second write of one request that gets lost, or whose answer does, is done once', run: writesAgain },
  { name: 'at random, many at once: nothing acknowledged is lost or doubled', run: (stand) => nothingLost(stand, 0) },
  { name: 'at random, 15 % of the writes in trouble: nothing acknowledged is lost or doubled', run: (stand) => nothingLost(stand, 0.15) },
  { name: 'at random, a logout among writes and renewals: what was ended stays ended', run: (stand) => staysEnded(stand, 0) },
  { name: 'at random, 15 % of the writes in trouble: what was ended stays ended', run: (stand) => staysEnded(stand, 0.15) }
]
