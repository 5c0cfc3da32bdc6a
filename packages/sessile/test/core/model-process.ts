/** A process that holds a store against the model for many steps, beside others on the same store: see `scripts/model.mjs`. */
import fc from 'fast-check'
import { newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { attributesOf, change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { anyStep, asCommand, emptyModel, perform, type Real } from './model.ts'

const SHARED = ['shared0', 'shared1', 'shared2'] as const
/** A model forgets its sessions after so many steps, since it looks at all of them. */
const STEPS_EACH = 200

const [url, stepCount, role, seedText] = process.argv.slice(2) as [string, string, 'make' | 'work' | 'tell', string]
const store = backendByUrl(url)
const { records } = recordsOn(store)

/** Counts in sessions that all processes count in; each count is acknowledged. */
async function count(key: string): Promise<void> {
  const loaded = (await records.load(key))!
  await records.update(loaded, loaded.text, (text) => change({ n: Number(attributesOf(text)['n']) + 1 }))
}

if (role === 'make') for (const key of SHARED) await records.create(key, change({ n: 0 }))
if (role === 'tell') {
  let total = 0
  for (const key of SHARED) total += Number(attributesOf((await records.load(key))!.text)['n'])
  console.log(JSON.stringify({ total }))
}
if (role === 'work') {
  const done: Record<string, number> = {}
  const seed = Number(seedText)
  let counted = 0
  for (let at = 0; at < Number(stepCount); at += STEPS_EACH) {
    const real: Real = { views: [store], prefix: newId(), done }
    const model = emptyModel()
    const steps = fc.sample(anyStep, { numRuns: STEPS_EACH, seed: seed + at })
    for (const [index, step] of steps.entries()) {
      try {
        await perform(model, real, step)
      } catch (error) {
        const trace = steps.slice(0, index + 1).map((one) => asCommand(one).toString())
        console.error(`seed ${seed + at}, step ${index}: ${(error as Error).stack}\n${trace.join('\n')}`)
        process.exit(1)
      }
    }
    await count(SHARED[(at / STEPS_EACH) % SHARED.length]!)
    counted++
  }
  console.log(JSON.stringify({ done, counted }))
}
await store.close?.()
