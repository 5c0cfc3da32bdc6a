import { strict as assert } from 'node:assert'
import { describe, it } from 'node:test'
import { handleOf, newId } from '../../src/core/ids.ts'
import { backendByUrl } from '../../src/stores/by-url.ts'
import { OLDER_STORES } from './older-stores.ts'
import { folder, run, runHere, runJson, SECRET, start, until } from './running.ts'

describe('sessile on a store that express-session filled', () => {
  for (const [name, open] of Object.entries(OLDER_STORES)) {
    it(`by ${name}`, async (t) => {
      const store = await open(t)
      if (!store) return
      const ids = Array.from({ length: 9 }, newId)
      for (const [place, id] of ids.entries())
        await store.set(id, place < 3 ? { userId: 7, cart: [1] } : place < 5 ? { passport: { user: 'bob' } } : { views: 1 })
      const env = { ...store.env, STORE_URL: store.url, SESSION_SECRET: SECRET }
      const json = (...args: string[]) => runJson(args, env)
      const text = async (...args: string[]) => (await runHere(args, env)).stdout
      const handles = ids.map((id) => handleOf(id, SECRET))
      const stats = await json('stats')
      assert.deepEqual([stats['sessions'], stats['guests'], stats['users'], stats['seen5m']], [9, 4, 2, 9])
      const { sessions } = await json('list', '--user', '7')
      assert.deepEqual(sessions.map((row: any) => row.session).sort(), handles.slice(0, 3).sort())
      const [head, ...rows] = (await text('list')).trimEnd().split('\n')
      assert.match(head!, /^SESSION +USER +SEEN/)
      assert.equal(rows.filter((row) => /^[\w-]+ +(7|bob|-) +\d+s ago/.test(row)).length, 9, rows.join('\n'))
      assert.match(await text('show', handles[0]!), /cart +list, 1/)

      const watching = start(['watch', '--every', '50ms', '--json'], env)
      await until(() => watching.printed.stderr.includes('Watching 9 sessions'))
      assert.match(await text('revoke', handles[8]!, '--dry-run'), /1 session would be ended/)
      assert.ok(await store.get(ids[8]!))
      assert.equal((await json('revoke', handles[8]!, '--yes'))['ended'], 1)
      assert.ok(!(await store.get(ids[8]!)))
      await until(() => watching.printed.stdout.includes('\n'))
      watching.child.kill('SIGINT')
      const watched = await watching.done
      const { event, session } = JSON.parse(watched.stdout)
      assert.deepEqual([watched.code, event, session], [0, 'ended', handles[8]])

      assert.equal((await json('revoke', '--user', 'bob', '--yes'))['ended'], 2)
      assert.equal((await json('sweep'))['code'], 0)
      const to = `sqlite:${folder.path(`${name}.db`)}`
      assert.equal((await runJson(['migrate', '--from', store.url, '--to', to], env, run))['moved'], 6)
      const target = backendByUrl(to)
      assert.deepEqual([...(await target.keysOfUser!('7'))].sort(), ids.slice(0, 3).sort())
      await target.close!()
      // and back, into a place of its own
      const back = withOwnPlace(store.url)
      assert.equal((await runJson(['migrate', '--from', to, '--to', back, '--remove'], env, run))['moved'], 6)
      assert.equal((await json('stats', back))['sessions'], 6)
    })
  }
})

/** Another table, collection or prefix of the same server. */
function withOwnPlace(url: string): string {
  if (url.startsWith('sqlite:')) return `${url}.back`
  const [address, query = ''] = url.split('?')
  const name = url.startsWith('mongodb:') ? 'collectionName' : url.startsWith('postgres:') ? 'tableName' : 'prefix'
  const kept = query.split('&').filter((part) => part !== '' && !part.startsWith(`${name}=`))
  return `${address}?${[...kept, `${name}=back_again`].join('&')}`
}
