import { supports } from '../core/backend.ts'
import { startSweeping, sweepingOf } from '../monitor/sweeping.ts'
import { type Command, Trouble } from './command.ts'
import { wholeNumber } from './list.ts'
import { counted, json } from './print.ts'
import { Progress } from './progress.ts'
import { STORE_HELP, STORE_OPTIONS, STORE_URLS, withStore } from './store.ts'

const HELP = `sessile sweep [STORE] [OPTIONS]

Removes sessions that ran out, where the store does not do it by itself; for cron. They count as gone before that as well. Of several that
run at once, one sweeps; the others end at once. An app that runs sweeps its store already: beside it there is nothing to do here.

  --limit N           how many at most (default: 100000)
  --batch N           how many in one statement (default: 500)
  --dry-run           only tell whether there is anything to do for this store, and whether another one is at it
${STORE_HELP}
${STORE_URLS}
Examples:
  sessile sweep sqlite:./data/sessions.db
  */10 * * * *  STORE_URL=postgres://localhost/shop sessile sweep --json

Ends with 0, also when another one was at it; with 1 when the store failed, with 2 when something else has to be typed.
`

/** `sessile sweep STORE`. */
export const sweep: Command = {
  summary: 'remove sessions that ran out, one process at a time',
  help: HELP,
  options: {
    ...STORE_OPTIONS,
    limit: { type: 'string', default: '100000' },
    batch: { type: 'string', default: '500' },
    'dry-run': { type: 'boolean', default: false }
  },
  run: (positionals, values, terminal) =>
    withStore(positionals, values, terminal, async ({ backend, records }, rest) => {
      if (rest.length > 0) throw new Trouble('sweep takes one store.')
      const limit = wholeNumber('--limit', values['limit'], 1_000_000_000)
      const batch = wholeNumber('--batch', values['batch'], 10_000)
      const byItself = !supports(backend, 'removeExpired')
      const progress = new Progress(terminal, 'Removing sessions:')
      let removed = 0
      const swept = {
        backend,
        // one that is told of fewer than it asked for takes it for the last
        async sweep(asked = batch): Promise<number> {
          const most = values['dry-run'] ? 0 : Math.min(asked, limit - removed)
          const done = most === 0 ? 0 : await records.sweep(most)
          removed += done
          progress.step(done)
          return removed >= limit ? 0 : done
        }
      }
      const sweeping = startSweeping(swept, { batch, every: '1h', lease: '2m' })
      let turn = false
      try {
        if (!byItself) {
          await sweeping.now()
          turn = sweepingOf(swept)?.leader === true
        }
      } finally {
        progress.end()
        await sweeping.stop()
      }
      const report = { removed, byItself, otherSweeps: !byItself && !turn, more: removed >= limit, dryRun: values['dry-run'] === true }
      terminal.stdout.write(values['json'] ? json(report) : `${sentence(backend.name, report)}\n`)
      return 0
    })
}

function sentence(
  store: string,
  report: { removed: number; byItself: boolean; otherSweeps: boolean; more: boolean; dryRun: boolean }
): string {
  if (report.byItself) return `${store} removes sessions that ran out by itself: nothing to do.`
  if (report.otherSweeps)
    return 'Another process sweeps this store already, as an app that uses it does: nothing was removed here, nor has to be.'
  if (report.dryRun) return `${store} needs sweeping, and nobody else is at it; how many ran out is known when they are removed.`
  return `${counted(report.removed)} removed.${report.more ? ' There may be more.' : ''}`
}
