import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Guesses } from './guess-process.ts'

/** Guesses sent at once by two processes that share one SQLite file. */
describe('loginThrottle over two processes', () => {
  const processes: ChildProcess[] = []
  let folder: string

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sessile-throttle-'))
    for (let n = 0; n < 2; n += 1) {
      const child = fork(join(import.meta.dirname, 'guess-process.ts'), [join(folder, 'sessions.db')])
      processes.push(child)
      await once(child, 'message')
    }
  })

  after(async () => {
    await Promise.all(
      processes.map(async (child) => {
        child.disconnect()
        await once(child, 'exit')
      })
    )
    rmSync(folder, { recursive: true })
  })

  async function guess(guesses: Guesses): Promise<number> {
    const answers = processes.map(async (child) => {
      child.send(guesses)
      const [{ allowed }] = (await once(child, 'message')) as [{ allowed: number }]
      return allowed
    })
    return (await Promise.all(answers)).reduce((sum, allowed) => sum + allowed)
  }

  it('of 500 guesses for one account from one address, 5 are tried (CVE-2019-5421: the counter raced)', async () => {
    assert.equal(await guess({ times: 250, account: 'ann', address: '203.0.113.7' }), 5)
    assert.equal(await guess({ times: 250, account: 'ann', address: '203.0.113.7' }), 0)
  })

  it('of 500 guesses for one account from as many addresses, no more than 100 in a row are tried', async () => {
    assert.equal(await guess({ times: 250, account: 'bob' }), 100)
  })

  it('of 500 guesses for as many accounts from one address, 100 are tried', async () => {
    assert.equal(await guess({ times: 250, address: '203.0.113.8' }), 100)
  })
})
