import { supports } from '../core/backend.ts'
import { now } from '../core/clock.ts'
import { newId } from '../core/ids.ts'
import type { SessionManager } from '../express/manager.ts'
import { session } from '../express/factory.ts'
import { activity, type ActivityTracker } from '../monitor/activity.ts'
import { dashboard as dashboardOf } from '../monitor/dashboard.ts'
import { type Command, Trouble } from './command.ts'
import { DashboardServer } from './dashboard-server.ts'
import { interrupted } from './interrupted.ts'
import { json, printable } from './print.ts'
import { STORE_HELP, STORE_OPTIONS, STORE_URLS, StoredSessions, withStore } from './store.ts'

const HELP = `sessile dashboard [STORE] [OPTIONS]

Serves a page to see and end the sessions of a store, also of one that express-session filled, on this machine alone. It prints an address
with a token that opens the page once, in one browser; everybody else is refused. Ctrl-C ends it.

  --port N            the port to listen on (default: any that is free)
  --show NAME,NAME    attributes of sessions whose values are shown; of all others the name and the kind are
${STORE_HELP.replace('print JSON, for programs', 'print the address as JSON, for programs')}
${STORE_URLS}
Where the app watches its sessions (activity() of sessile/monitor, on the same store, with its secret given here), charts and what happened
are there as well.

Examples:
  sessile dashboard redis://localhost:6379
  sessile dashboard sqlite:./data/sessions.db --secret-file ./data/session-secret --show theme,cart

Ends with 0 when it is stopped, with 1 when the store cannot be read, with 2 when something else has to be typed.
`

/** `sessile dashboard STORE`. */
export const dashboard: Command = {
  summary: 'serve a page to see and end sessions, on this machine',
  help: HELP,
  options: { ...STORE_OPTIONS, port: { type: 'string', default: '0' }, show: { type: 'string' } },
  run: (positionals, values, terminal) =>
    withStore(positionals, values, terminal, async (stored, rest) => {
      if (rest.length > 0) throw new Trouble('dashboard takes one store.')
      const port = Number(values['port'])
      if (!/^\d{1,5}$/.test(String(values['port'])) || port > 65_535) throw new Trouble('--port must be a whole number from 0 to 65535.')
      const stop = interrupted()
      // without the app's secret handles are of this run alone
      const sessions = stored.secrets.length > 0 ? stored : new StoredSessions(stored.backend, [newId()])
      const manager = managerOf(sessions)
      // what is kept of activity is kept by the app's handles
      const seen = stored.secrets.length > 0 ? await activityOf(manager) : undefined
      const server = new DashboardServer()
      const board = dashboardOf(manager, {
        authorize: (req) => server.isOpenTo(req),
        // whoever opened it did so by the terminal
        fresh: () => true,
        viewerOf: () => 'sessile dashboard',
        title: `Sessions in ${sessions.backend.name}`,
        show: String(values['show'] ?? '')
          .split(',')
          .filter((name) => name !== ''),
        audit: ({ action, ended, userId }) => {
          const of = userId === undefined ? '' : ` of user ${printable(userId)}`
          terminal.stderr.write(`${new Date(now()).toISOString()}  ${action}: ${ended} ended${of}\n`)
        },
        ...(seen ? { activity: seen } : {})
      })
      try {
        const url = await server.listen(board, port)
        terminal.stdout.write(values['json'] ? json({ url }) : `Open ${url}\nThe token in it works once. Ctrl-C ends the page.\n`)
        await new Promise<void>((resolve) => {
          if (stop.aborted) resolve()
          stop.addEventListener('abort', () => resolve(), { once: true })
        })
        return 0
      } finally {
        board.close()
        await server.close()
        await seen?.close()
      }
    })
}

/** Looking for older writers' sessions of a user ends then: the page waits for it. */
const LOOK_MS = 2000

/** The manager of these sessions; it knows the sessions of a user also of older writers, who kept no index. */
function managerOf(sessions: StoredSessions): SessionManager {
  const { backend, secrets } = sessions
  const manager = session({ secret: [...secrets], store: backend, resave: false, saveUninitialized: false })
  return {
    ...manager,
    async of(user) {
      const indexed = await manager.of(user)
      const handles = new Set(indexed.map(({ handle }) => handle))
      const others: string[] = []
      const end = now() + LOOK_MS
      for await (const loaded of sessions.all()) {
        if (now() > end) break
        const handle = sessions.nameOf(loaded.key)
        if (!handles.has(handle) && sessions.userOf(loaded) === String(user)) others.push(handle)
      }
      const infos = await Promise.all(others.map((handle) => manager.get(handle)))
      return [...indexed, ...infos.filter((info) => info !== undefined)]
    },
    async revokeAll(user, options) {
      let ended = await manager.revokeAll(user, options)
      for (const { key } of await sessions.ofUser(String(user))) {
        const handle = sessions.nameOf(key)
        if (handle !== options?.except && (await manager.revoke(handle))) ended += 1
      }
      return ended
    }
  }
}

/** What the app saw of its sessions, where it keeps that in this store. */
async function activityOf(manager: SessionManager): Promise<ActivityTracker | undefined> {
  if (!supports(manager.backend, 'space')) return undefined
  const seen = activity({ sessions: manager, node: 'sessile dashboard' })
  const { entries } = await seen.history.newest.newest(undefined, 1)
  if (entries.length > 0) return seen
  await seen.close()
  return undefined
}
