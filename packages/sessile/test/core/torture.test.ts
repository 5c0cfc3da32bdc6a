import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSessionError } from '../../src/core/errors.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { attributesOf, badLine, change, recordsOn, seeded } from './helpers.ts'

const ROUNDS = Number(process.env['TORTURE_ROUNDS'] ?? 1500)

/**
 * One session, several processes (each with its own records) and many requests at once over a line that delays, loses and repeats.
 * What was acknowledged must be there, once; what was ended must stay ended.
 */
for (const lossy of [0, 0.15]) {
  test(`${ROUNDS} random interleavings, ${lossy * 100} % of the writes troubled: nothing acknowledged is lost or doubled`, async () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seeded(seed)
      const store = memoryStore()
      const late: Promise<unknown>[] = []
      const processes = [0, 1, 2].map(() => recordsOn(badLine(store, random, lossy, late)).records)
      const pick = () => processes[Math.floor(random() * processes.length)]!
      await recordsOn(store).records.create('k0', change({ n: 0 }))
      let key = 'k0'
      let counted = 0
      let unsure = 0
      const own = new Set<string>()
      const unsureOwn = new Set<string>()
      await Promise.all(Array.from({ length: 8 }, async (_, at) => {
        const records = pick()
        const kind = random()
        try {
          const loaded = await records.load(key)
          if (!loaded) return
          if (kind < 0.45) {
            const outcome = await records.update(loaded, loaded.text, (text) => change({ ...attributesOf(text), n: Number(attributesOf(text)['n']) + 1 }))
            if (outcome !== 'gone') counted++
          } else if (kind < 0.9) {
            const outcome = await records.commit(loaded, change({ ...attributesOf(loaded.text), [`own${at}`]: true }))
            if (outcome !== 'gone') own.add(`own${at}`)
          } else {
            const renewed = await records.renew(loaded, `k${at + 1}`, change(attributesOf(loaded.text)), { reason: 'asked', follow: true, overlapMs: 0 })
            if (renewed !== 'gone') key = renewed.key
          }
        } catch (error) {
          assert.ok(isSessionError(error), `seed ${seed}: ${String(error)}`)
          if (kind < 0.45) unsure++
          else if (kind < 0.9) unsureOwn.add(`own${at}`)
        }
      }))
      await Promise.all(late)
      const { records } = recordsOn(store)
      const live = (await Promise.all(['k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8'].map((one) => records.load(one)))).filter((one) => one !== undefined)
      if (lossy === 0) assert.equal(live.length, 1, `seed ${seed}: exactly one id is alive`)
      const found = live.map(({ text }) => attributesOf(text)).find(({ n }) => n !== undefined)
      if (!found) continue
      const current = (await records.load(key)) ?? live.at(-1)!
      const attributes = attributesOf(current.text)
      const n = Number(attributes['n'])
      if (live.length === 1) {
        assert.ok(n >= counted && n <= counted + unsure, `seed ${seed}: counted ${counted} to ${counted + unsure}, stored ${n}`)
        for (const name of own) assert.ok(attributes[name], `seed ${seed}: ${name} was acknowledged and is lost`)
        for (const name of Object.keys(attributes)) assert.ok(name === 'n' || own.has(name) || unsureOwn.has(name), `seed ${seed}: ${name} was refused and is there`)
      }
    }
  })

  test(`${ROUNDS} logouts among writes and renewals, ${lossy * 100} % troubled: what was ended stays ended`, async () => {
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const random = seeded(seed * 7919)
      const store = memoryStore()
      const late: Promise<unknown>[] = []
      const processes = [0, 1, 2].map(() => recordsOn(badLine(store, random, lossy, late)).records)
      await recordsOn(store).records.create('k0', change({}))
      let ended = false
      await Promise.all(Array.from({ length: 8 }, async (_, at) => {
        const records = processes[at % processes.length]!
        try {
          const loaded = await records.load('k0')
          if (at === 3) {
            await records.destroy('k0')
            ended = true
          } else if (loaded && random() < 0.25) {
            await records.renew(loaded, `k${at + 1}`, change({ at }), { reason: 'asked', follow: true, overlapMs: 0 })
          } else if (loaded && random() < 0.8) await records.commit(loaded, change({ [`own${at}`]: true }))
          else if (loaded) await records.touch(loaded, Date.now() + 5_000_000)
        } catch (error) {
          assert.ok(isSessionError(error), `seed ${seed}: ${String(error)}`)
        }
      }))
      await Promise.all(late)
      if (!ended) continue
      const { records } = recordsOn(store)
      const alive: string[] = []
      for (let at = 0; at <= 8; at++) if (await records.load(`k${at}`)) alive.push(`k${at}`)
      if (lossy === 0) assert.deepEqual(alive, [], `seed ${seed}: revived`)
      else assert.equal(await records.load('k0'), undefined, `seed ${seed}: revived`)
    }
  })
}
