import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SessionBackend } from '../../src/core/backend.ts'
import { isSessionError } from '../../src/core/errors.ts'
import { memoryStore } from '../../src/stores/memory/backend.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'

/** A store behind a network, of which the part with the keys that begin with "lost" is missing. */
function partlyLost(lost: (key: string) => Promise<never>): SessionBackend {
  const memory = memoryStore()
  const read = async (key: string) => {
    if (key.startsWith('lost')) return lost(key)
    await pause(5)
    return memory.read(key)
  }
  return { ...memory, create: memory.create.bind(memory), name: 'parts', traits: memory.traits, read }
}

const refuse = async (): Promise<never> => {
  throw new Error('connection refused')
}

test('where a part of a store is missing, the other part goes on, however many calls in a row fail', async () => {
  const { records } = recordsOn(partlyLost(refuse))
  await records.create('k', change({}))
  assert.ok(await records.load('k'))
  for (let round = 0; round < 40; round++) {
    const going = Promise.resolve(records.load('k'))
    for (let at = 0; at < 20; at++) await assert.rejects(async () => records.load('lost'), { code: 'store-failed', message: /refused/ })
    assert.ok(await going)
    await pause(5)
  }
})

test('nor is it taken for one that is down when many calls end at their deadline at once, and others are answered', async () => {
  const { records } = recordsOn(
    partlyLost(() => new Promise(() => {})),
    { deadlineMs: 40 }
  )
  await records.create('k', change({}))
  for (let round = 0; round < 3; round++) {
    const waiting = Array.from({ length: 20 }, async () => records.load('lost'))
    const ended = Promise.allSettled(waiting)
    while ((await Promise.race([ended, pause(1, undefined)])) === undefined) assert.ok(await records.load('k'))
    assert.ok((await ended).every((one) => one.status === 'rejected' && isSessionError(one.reason) && one.reason.code === 'store-timeout'))
  }
})

test('a process that stood still itself takes no answer for late that has come meanwhile', async () => {
  let answer: (() => void) | undefined
  const memory = memoryStore()
  const read = (key: string) =>
    new Promise<Awaited<ReturnType<typeof memory.read>>>((resolve) => {
      answer = () => resolve(memory.read(key))
    })
  const { records } = recordsOn(
    { ...memory, create: memory.create.bind(memory), name: 'slow', traits: memory.traits, read },
    { deadlineMs: 30 }
  )
  await records.create('k', change({}))
  const loading = records.load('k')
  // after the deadline's, and both are due when the process goes on
  setTimeout(() => answer!(), 35)
  const until = performance.now() + 60
  while (performance.now() < until) {
    /* stands still */
  }
  assert.ok(await loading)
})
