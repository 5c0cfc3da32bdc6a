import { supports, type SessionBackend } from '../core/backend.ts'
import { StoreCalls } from '../core/calls.ts'
import { MIGRATE_DEFAULTS, type Migrated, migrateSessions } from '../stores/moving/migrate.ts'
import { type Command, type OptionValues, type Terminal, Trouble } from './command.ts'
import { interrupted } from './interrupted.ts'
import { wholeNumber } from './list.ts'
import { counted, json } from './print.ts'
import { Progress } from './progress.ts'
import { existingStore, sharedStore, withoutPasswords } from './store.ts'

const HELP = `sessile migrate --from STORE --to STORE [OPTIONS]

Copies all sessions to another store: ids, data, ends and users stay, so nobody is logged out. What the new store has already is never
overwritten. It may be stopped, or killed, and run again: it goes on with what is missing.

Either the app stands still meanwhile, or it runs with movingFrom(OLD, NEW) of sessile/migrate as its store, which moves what it meets;
then run this beside it with --remove, and give the app the new store alone when nothing is left in the old one.

  --from STORE        where the sessions are; left out, SESSILE_FROM in the environment
  --to STORE          where they are to be; left out, SESSILE_TO in the environment
  --remove            take each session out of the old store when it is in the new one
  --dry-run           only count what would be done
  --batch N           how many at once (default: ${MIGRATE_DEFAULTS.batch})
  --json              print the counts as JSON, for programs

A STORE is sqlite:PATH, redis://HOST, rediss://HOST, redis+cluster://HOST:PORT,HOST:PORT, mongodb://HOST/DATABASE or
postgres://HOST/DATABASE, with ?table= (SQLite), ?prefix=, ?collectionName=, ?tableName= (PostgreSQL) where the app says otherwise than its
store's default.

Examples:
  sessile migrate --from sqlite:./data/sessions.db --to redis://localhost:6379 --dry-run
  sessile migrate --from redis://localhost:6379 --to postgres://localhost/shop --remove

Ends with 0 when all that live are in the new store, with 1 when some failed or it was stopped, with 2 when something else has to be typed.
`

/** `sessile migrate --from STORE --to STORE`. */
export const migrate: Command = {
  summary: 'copy all sessions to another store, also while the app runs',
  help: HELP,
  options: {
    from: { type: 'string' },
    to: { type: 'string' },
    remove: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    batch: { type: 'string', default: String(MIGRATE_DEFAULTS.batch) },
    json: { type: 'boolean', default: false }
  },
  async run(positionals, values, terminal) {
    if (positionals.length > 0) throw new Trouble('Both stores are named: --from STORE --to STORE.')
    const [fromUrl, toUrl] = [urlOf('from', values, terminal), urlOf('to', values, terminal)]
    if (fromUrl === toUrl) throw new Trouble('--from and --to are the same store.')
    const batch = wholeNumber('--batch', values['batch'], 10_000)
    const remove = values['remove'] === true && values['dry-run'] !== true
    const [from, to] = [await existingStore(fromUrl, !remove), sharedStore(toUrl)]
    try {
      const progress = new Progress(
        terminal,
        values['remove'] === true ? 'Moving sessions:' : 'Copying sessions:',
        await countOf(from, terminal)
      )
      try {
        const done = await migrateSessions({
          from,
          to,
          batch,
          remove: values['remove'] === true,
          dryRun: values['dry-run'] === true,
          signal: interrupted(),
          onProgress: ({ read }) => progress.to(read)
        })
        progress.end()
        tell(terminal, values, clean(done, [fromUrl, toUrl]))
        return done.complete && done.failed === 0 ? 0 : 1
      } finally {
        progress.end()
      }
    } finally {
      await Promise.allSettled([from.close?.(), to.close?.()])
    }
  }
}

function urlOf(end: 'from' | 'to', values: OptionValues, { env }: Terminal): string {
  const url = values[end] ?? env[`SESSILE_${end.toUpperCase()}`]
  if (typeof url === 'string' && url !== '') return url
  throw new Trouble(`--${end} STORE is needed, or SESSILE_${end.toUpperCase()} in the environment.`)
}

/** How many there are, for somebody who looks on. */
async function countOf(from: SessionBackend, terminal: Terminal): Promise<number | undefined> {
  if (terminal.stderr.isTTY !== true || !supports(from, 'scan')) return undefined
  const calls = new StoreCalls(from, { deadlineMs: MIGRATE_DEFAULTS.deadlineMs, passErrors: false })
  const progress = new Progress(terminal, 'Counting sessions:')
  let count = 0
  let cursor: string | undefined
  do {
    const page = await calls.run('scan', () => from.scan(cursor, 1000))
    count += page.records.length
    progress.to(count)
    cursor = page.cursor
  } while (cursor !== undefined)
  progress.end()
  return count
}

function clean(done: Migrated, urls: readonly string[]): Migrated {
  const failures = Object.entries(done.failures).map(([reason, count]) => [withoutPasswords(reason, urls, {}), count] as const)
  return { ...done, failures: Object.fromEntries(failures) }
}

function tell({ stdout }: Terminal, values: OptionValues, done: Migrated): void {
  const dryRun = values['dry-run'] === true
  const remove = values['remove'] === true
  if (values['json']) {
    stdout.write(json({ ...done, dryRun }))
    return
  }
  const { read, moved, alreadyThere, different, expired, failed, failures, complete } = done
  const lines = [
    `${counted(read)} read: ${moved} ${dryRun ? 'would be ' : ''}${remove ? 'moved' : 'copied'}, ${alreadyThere} already there, ${expired} expired, ${failed} failed.`,
    ...(different > 0 ? [`${different} of those already there are not the same in the old store; the new store's were kept.`] : []),
    ...Object.entries(failures).map(([reason, count]) => `${count} failed: ${reason}`),
    ...(complete ? [] : ['Stopped before the end. Run it again to go on.'])
  ]
  stdout.write(`${lines.join('\n')}\n`)
}
