import { supports } from '../core/backend.ts'
import type { Loaded } from '../core/loaded.ts'
import { type Command, type OptionValues, type Terminal, Trouble } from './command.ts'
import { confirmed } from './confirm.ts'
import { counted, json } from './print.ts'
import { Progress } from './progress.ts'
import { STORE_HELP, STORE_OPTIONS, STORE_URLS, type StoredSessions, withStore, lookingAtStore } from './store.ts'

const HELP = `sessile revoke [STORE] SESSION... [OPTIONS]
sessile revoke [STORE] --user USER [OPTIONS]
sessile revoke [STORE] --all [OPTIONS]

Ends sessions, at once and for all processes of the app. It asks before it does; where nobody can be asked it needs --yes.

  --user USER         all sessions of a user, sign-ins that are under way included
  --all               all sessions of everybody
  --dry-run           only tell how many it would be
  --yes               do not ask
${STORE_HELP}
SESSION is a handle, or a short name as the other commands print it.
${STORE_URLS}
Examples:
  sessile revoke redis://localhost:6379 ~4mDqYv0sUiYcKd9x
  sessile revoke postgres://localhost/shop --user 42 --dry-run
  sessile revoke sqlite:./data/sessions.db --all --yes

Ends with 0, with 1 when a session was not there or nothing was confirmed, with 2 when something else has to be typed.
`

const AT_ONCE = 50

/** `sessile revoke STORE SESSION | --user USER | --all`. */
export const revoke: Command = {
  summary: 'end a session, all of a user, or all',
  help: HELP,
  options: {
    ...STORE_OPTIONS,
    user: { type: 'string' },
    all: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false, short: 'y' }
  },
  run: (positionals, values, terminal) =>
    (values['dry-run'] ? lookingAtStore : withStore)(positionals, values, terminal, async (sessions, names) => {
      const user = values['user'] as string | undefined
      if ([names.length > 0, user !== undefined, values['all'] === true].filter(Boolean).length !== 1)
        throw new Trouble('Which ones? Handles or short names after the store, or --user USER, or --all.')
      if (user === '') throw new Trouble('--user needs a user. All sessions of everybody: --all.')
      const { found, missing } = await chosen(sessions, names, user, terminal)
      const report = { found: found.length, missing: missing.length, ended: 0, dryRun: values['dry-run'] === true }
      if (missing.length > 0) terminal.stderr.write(`Not there, or ended already: ${missing.join(', ')}\n`)
      const what = `${counted(found.length)}${user === undefined ? '' : ` of user ${user}`}`
      if (values['dry-run']) {
        tell(terminal, values, report, `${what} would be ended.`)
        return missing.length > 0 ? 1 : 0
      }
      if (found.length > 0) {
        if (!(await confirmed(terminal, `End ${what}?`, values['yes'] === true))) {
          tell(terminal, values, report, 'Nothing was ended.')
          return 1
        }
        report.ended = await end(sessions, found, user, terminal)
      }
      tell(terminal, values, report, `${counted(report.ended)} ended.`)
      return missing.length > 0 ? 1 : 0
    })
}

async function chosen(
  sessions: StoredSessions,
  names: readonly string[],
  user: string | undefined,
  terminal: Terminal
): Promise<{ found: Loaded[]; missing: string[] }> {
  const progress = new Progress(terminal, 'Looking at sessions:')
  try {
    const found: Loaded[] = []
    if (user !== undefined) return { found: await sessions.ofUser(user, progress), missing: [] }
    const missing: string[] = []
    for (const name of names) {
      const session = await sessions.find(name, progress)
      if (session) found.push(session)
      else missing.push(name)
    }
    if (names.length === 0) for await (const session of sessions.all(progress)) found.push(session)
    return { found, missing }
  } finally {
    progress.end()
  }
}

async function end(sessions: StoredSessions, found: readonly Loaded[], user: string | undefined, terminal: Terminal): Promise<number> {
  const { records, backend } = sessions
  // moves the user's mark too, so that a sign-in that is under way does not hold
  let ended = user !== undefined && supports(backend, 'keysOfUser') ? await records.users.revokeAll(user) : 0
  const progress = new Progress(terminal, 'Ending sessions:', found.length)
  try {
    for (let at = 0; at < found.length; at += AT_ONCE) {
      const answers = await Promise.all(found.slice(at, at + AT_ONCE).map(async ({ key }) => records.revoke(key)))
      ended += answers.filter(Boolean).length
      progress.step(answers.length)
    }
    return ended
  } finally {
    progress.end()
  }
}

function tell({ stdout }: Terminal, values: OptionValues, report: object, sentence: string): void {
  stdout.write(values['json'] ? json(report) : `${sentence}\n`)
}
