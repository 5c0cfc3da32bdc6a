import { strict as assert } from 'node:assert'
import { writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { handleOf, newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { change, recordsOn } from '../../src/testing/guarantees/tools.ts'
import { folder, HOUR, run, runHere, runJson, SECRET, start, until } from './running.ts'

/** Sessions of ours in a file: 12, every third one of user `ada`, the first one seen last. */
async function filled(name: string): Promise<{ url: string; keys: string[] }> {
  const url = `sqlite:${folder.path(name)}`
  const backend = backendByUrl(url)
  const { records } = recordsOn(backend)
  const keys = Array.from({ length: 12 }, newId)
  for (const [place, key] of keys.entries()) {
    const userId = place % 3 === 0 ? 'ada' : undefined
    const attributes = { ...(userId ? { userId } : {}), token: 'not-for-your-eyes' }
    const text = JSON.stringify({ cookie: { originalMaxAge: HOUR }, ...attributes })
    await records.create(key, change({}, { text, expiresAt: Date.now() + HOUR - place * 60_000, userId }))
  }
  await backend.close!()
  return { url, keys }
}

describe('sessile on a store', () => {
  it('lists, pages and shows under short names, and never an id', async () => {
    const { url, keys } = await filled('list.db')
    const list = await run(['list', url])
    assert.equal(list.code, 0)
    assert.match(list.stdout, /^SESSION +USER +SEEN +BEGUN +EXPIRES +SIZE\n~[\w-]{16} +ada +\d+s ago/)
    assert.match(list.stderr, /short names/)
    const first = await runJson(['list', url, '--limit', '5'])
    const next = await runJson(['list', url, '--limit', '50', '--cursor', first['cursor']])
    assert.deepEqual([first['sessions'].length, first['stored'], next['sessions'].length, next['cursor']], [5, 12, 7, undefined])
    const rows = [...first['sessions'], ...next['sessions']] as Record<string, any>[]
    assert.equal(new Set(rows.map((row) => row['session'])).size, 12)
    assert.deepEqual(
      rows.map((row) => row['lastSeenAt']),
      rows.map((row) => row['lastSeenAt']).sort((one, other) => other - one)
    )
    assert.equal((await runJson(['list', url, '--user', 'ada']))['sessions'].length, 4)
    const show = await run(['show', url, rows[0]!['session']])
    assert.match(show.stdout, /user +ada/)
    assert.match(show.stdout, /token +text, 17/)
    assert.doesNotMatch(show.stdout, /not-for-your-eyes/)
    assert.match((await run(['show', url, rows[0]!['session'], '--values'])).stdout, /not-for-your-eyes/)
    const everything = `${list.stdout}${list.stderr}${JSON.stringify(rows)}${show.stdout}`
    for (const key of keys) assert.ok(!everything.includes(key))
  })

  it("names sessions by the app's handles with its secret, from a file or the environment, and finds any of them", async () => {
    const { url, keys } = await filled('handles.db')
    writeFileSync(folder.path('secrets'), `${SECRET}\nolder secret\n`)
    const { sessions } = await runJson(['list', url, '--secret-file', folder.path('secrets')])
    assert.deepEqual(
      sessions.map((row: any) => row.session),
      keys.map((key) => handleOf(key, SECRET))
    )
    for (const secret of [SECRET, 'older secret']) {
      const shown = await runJson(['show', url, handleOf(keys[1]!, secret), '--secret-file', folder.path('secrets')])
      assert.deepEqual([shown['code'], shown['session']], [0, handleOf(keys[1]!, SECRET)])
    }
    // in the environment several are separated by commas
    const two = { SESSION_SECRET: ` ${SECRET} , older secret,` }
    for (const secret of [SECRET, 'older secret'])
      assert.equal((await runJson(['show', url, handleOf(keys[3]!, secret)], two))['session'], handleOf(keys[3]!, SECRET))
    const byEnvironment = await runJson(['show', handleOf(keys[2]!, SECRET)], { SESSION_SECRET: SECRET, STORE_URL: url })
    assert.equal(byEnvironment['session'], handleOf(keys[2]!, SECRET))
    assert.deepEqual((await runHere(['show', url, handleOf(keys[2]!, SECRET)])).code, 2)
    assert.deepEqual((await runHere(['show', url, handleOf(keys[2]!, 'another')], { SESSION_SECRET: SECRET })).code, 1)
    // one that a shell would take for an option
    let key = newId()
    while (!handleOf(key, SECRET).startsWith('-')) key = newId()
    const backend = backendByUrl(url)
    await recordsOn(backend).records.create(key, change({}))
    await backend.close!()
    assert.equal((await runHere(['show', url, handleOf(key, SECRET)], { SESSION_SECRET: SECRET })).code, 0)
  })

  it('ends one, those of a user, and all; asks before, and tells beforehand', async () => {
    const { url, keys } = await filled('revoke.db')
    const env = { SESSION_SECRET: SECRET }
    const handle = handleOf(keys[1]!, SECRET)
    const unasked = await runHere(['revoke', url, handle], env)
    assert.deepEqual([unasked.code, unasked.stdout], [2, ''])
    assert.match(unasked.stderr, /--yes/)
    assert.equal((await runHere(['revoke', url, '--yes'], env)).code, 2)
    assert.equal((await runHere(['revoke', url, '--user', '', '--yes'], env)).code, 2)
    assert.match((await runHere(['revoke', url, '--user', 'ada', '--dry-run'], env)).stdout, /4 sessions of user ada would be ended/)
    assert.equal((await runJson(['stats', url]))['sessions'], 12)
    assert.match((await runHere(['revoke', url, handle, '--yes'], env)).stdout, /1 session ended/)
    assert.equal((await run(['revoke', url, handle, '--yes'], env)).code, 1)
    assert.equal((await runJson(['revoke', url, '--user', 'ada', '--yes'], env))['ended'], 4)
    const stats = await runJson(['stats', url])
    assert.deepEqual([stats['sessions'], stats['guests'], stats['users']], [7, 7, 0])
    assert.equal((await runJson(['revoke', url, '--all', '--yes'], env))['ended'], 7)
    assert.match((await runHere(['list', url])).stdout, /There are no sessions/)
  })

  it('counts, with users once', async () => {
    const { url } = await filled('stats.db')
    const stats = await runJson(['stats', url])
    assert.deepEqual(
      ['sessions', 'guests', 'signedIn', 'users', 'seenKnown', 'seen30m', 'neverExpire'].map((name) => stats[name]),
      [12, 8, 4, 1, 12, 12, 0]
    )
    assert.equal(stats['sizeBytes'].known, 12)
    assert.match((await runHere(['stats', url])).stdout, /signed in +4, of 1 user\n/)
  })

  it('watches what begins, signs in, and ends', async () => {
    const { url, keys } = await filled('watch.db')
    const watching = start(['watch', url, '--every', '50ms', '--json'], { SESSION_SECRET: SECRET })
    await until(() => watching.printed.stderr.includes('Watching 12 sessions'))
    const backend = backendByUrl(url)
    const { records } = recordsOn(backend)
    const told = () =>
      watching.printed.stdout
        .trim()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, string>)
    const begun = await records.create('k'.repeat(32), change({}))
    await until(() => told().length === 1)
    await records.renew(begun, 'n'.repeat(32), change({ userId: 'bob' }, { userId: 'bob' }), {
      reason: 'sign-in',
      follow: false,
      overlapMs: 0
    })
    await until(() => told().length === 3)
    await records.destroy(keys[0]!)
    await until(() => told().length === 4)
    await backend.close!()
    watching.child.kill('SIGINT')
    assert.equal((await watching.done).code, 0)
    assert.deepEqual(
      told().map(({ event }) => event),
      ['began', 'renewed', 'signed-in', 'ended']
    )
    assert.deepEqual([told()[1]!['previous'], told()[3]!['session']], [handleOf('k'.repeat(32), SECRET), handleOf(keys[0]!, SECRET)])
  })

  it('sweeps what ran out, bounded, and not where another one is at it', async () => {
    const { url } = await filled('sweep.db')
    const backend = backendByUrl(url)
    for (let n = 0; n < 10; n++) await backend.create(`short-${n}`, { data: '{"cookie":{}}', expiresAt: Date.now() + 1 })
    await pause(5)
    assert.equal((await runJson(['sweep', url, '--dry-run']))['removed'], 0)
    assert.deepEqual([(await runJson(['sweep', url, '--limit', '4']))['removed'], (await runJson(['sweep', url]))['removed']], [4, 6])
    await backend.space!('leases').remove('sweep')
    await backend.space!('leases').create('sweep', { data: 'another', expiresAt: Date.now() + HOUR })
    await backend.create('short', { data: '{"cookie":{}}', expiresAt: Date.now() + 1 })
    await pause(5)
    const other = await runJson(['sweep', url])
    assert.deepEqual([other['code'], other['removed'], other['otherSweeps']], [0, 0, true])
    assert.match((await runHere(['sweep', url])).stdout, /^Another process sweeps this store already/)
    await backend.close!()
  })

  it('migrates, killed in the middle and gone on, with counts that add up', async () => {
    const from = `sqlite:${folder.path('from.db')}`
    const to = `sqlite:${folder.path('to.db')}`
    const backend = backendByUrl(from)
    await backend.open!()
    for (let n = 0; n < 3000; n++) await backend.create(`key-${n}`, { data: '{"cookie":{}}', expiresAt: Date.now() + HOUR })
    await backend.close!()
    const dry = await runJson(['migrate', '--from', from, '--to', to, '--dry-run'])
    assert.deepEqual([dry['read'], dry['moved']], [3000, 3000])
    const first = start(['migrate', '--from', from, '--to', to, '--batch', '5'])
    const target = backendByUrl(to)
    while ((await target.scan!(undefined, 100)).records.length < 50) await pause(2)
    first.child.kill('SIGKILL')
    await first.done
    const rest = await runJson(['migrate', '--from', from, '--to', to, '--remove'])
    assert.equal(rest['code'], 0)
    assert.deepEqual([rest['read'], rest['moved'] + rest['alreadyThere'], rest['failed']], [3000, 3000, 0])
    assert.ok(rest['alreadyThere'] >= 50)
    await target.close!()
    assert.deepEqual([(await runJson(['stats', from]))['sessions'], (await runJson(['stats', to]))['sessions']], [0, 3000])
  })

  it('says what it does not understand, and what fails, without passwords', async () => {
    const failing = [
      [[], 2, /sessile COMMAND/],
      [['lust'], 2, /no command "lust"/],
      [['help', 'list'], 0, /Examples:/],
      [['list'], 2, /Which store/],
      [['list', 'memory:'], 2, /process of the app alone/],
      [['list', 'foo:bar'], 2, /names no store/],
      [['list', `sqlite:${folder.path('none.db')}`], 1, /There is no file/],
      [['list', 'redis://user:geheim@127.0.0.1:1'], 1, /ECONNREFUSED/],
      [['list', '--limit', 'many', 'redis://127.0.0.1:1'], 1, /ECONNREFUSED/],
      [['list', '--colour'], 2, /^Unknown option '--colour'\.\nsessile list --help tells what it takes\.\n$/],
      [['--version'], 0, /^\d+\.\d+\.\d+\n$/],
      [['migrate', '--from', 'redis://a', '--to', 'redis://a'], 2, /same store/]
    ] as const
    for (const [args, code, words] of failing) {
      const done = await (args.length < 2 ? run : runHere)(args)
      assert.equal(done.code, code, args.join(' '))
      assert.match(done.stdout + done.stderr, words)
      assert.doesNotMatch(done.stdout + done.stderr, /geheim|at \w+ \(/)
    }
  })
})
