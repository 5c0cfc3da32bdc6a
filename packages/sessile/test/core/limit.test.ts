import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serverFor } from '../../../test-servers/src/index.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { recordsOn } from '../../src/testing/guarantees/tools.ts'
import { temporaryFolder } from '../stores/harnesses.ts'
import { freshPrefix } from '../stores/redis-harness.ts'
import { isSelected } from '../stores/selected.ts'
import type { Round } from './limit-process.ts'

const LIMIT = 3
const TIMES = 8
const ROUNDS = 12
const folder = temporaryFolder()
after(() => folder.clean())

async function start(...given: string[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('limit-process.ts', import.meta.url)), given)
  await once(child, 'message')
  return child
}

async function signIns(child: ChildProcess, round: Round): Promise<number> {
  const answer = Promise.race([once(child, 'message'), once(child, 'exit').then(() => assert.fail('the process ended: see above'))])
  child.send(round)
  return ((await answer) as [number])[0]
}

function limitSuite(name: string, url: string): void {
  for (const whenTooMany of ['refuse', 'end-oldest'] as const) {
    it(`${name}: sign-ins of one user in two processes at once do not pass maxSessionsPerUser (${whenTooMany})`, async (t) => {
      const store = backendByUrl(url)
      const { records } = recordsOn(store)
      const children = await Promise.all([1, 2].map(() => start(url, String(LIMIT), whenTooMany)))
      t.after(async () => {
        for (const child of children) child.kill()
        await store.close?.()
      })
      for (let round = 0; round < ROUNDS; round++) {
        const user = `${whenTooMany}${round}`
        const at = Date.now() + 10
        const admitted = (await Promise.all(children.map((child) => signIns(child, { user, times: TIMES, at })))).reduce((a, b) => a + b)
        const left = (await records.users.list(user)).length
        assert.ok(left <= LIMIT, `${left} of ${LIMIT} are left`)
        if (whenTooMany === 'refuse') assert.ok(left <= admitted, `${admitted} were told that they are in, and ${left} are`)
        assert.ok(left > 0, 'somebody is in')
      }
    })
  }
}

const redis = isSelected('redis') ? await serverFor('redis, sessions of a user', 'redis') : undefined

if (isSelected('sqlite')) limitSuite('sqlite', `sqlite:${folder.path('limit.db')}`)
if (redis) limitSuite('redis', `${redis.url}?prefix=${freshPrefix()}`)
