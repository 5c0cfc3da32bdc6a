import { type Command, Trouble } from './command.ts'
import { bytes, exactly, json, printable, table } from './print.ts'
import { Progress } from './progress.ts'
import { kindOf, rowOf } from './rows.ts'
import { attributesOf, noteNames, STORE_HELP, STORE_OPTIONS, STORE_URLS, lookingAtStore } from './store.ts'

const HELP = `sessile show [STORE] SESSION [OPTIONS]

Shows one session: whose it is, its times, and its attributes by name and kind.

  --values            show the values of the attributes as well: they may be private
${STORE_HELP}
SESSION is a handle, or a short name as the other commands print it.
${STORE_URLS}
Examples:
  sessile show redis://localhost:6379 ~4mDqYv0sUiYcKd9x
  sessile show sqlite:./data/sessions.db $HANDLE --secret-file ./data/session-secret --values

Ends with 0, with 1 when there is no such session, with 2 when something else has to be typed.
`

/** `sessile show STORE SESSION`. */
export const show: Command = {
  summary: 'show one session: whose, since when, and what is in it',
  help: HELP,
  options: { ...STORE_OPTIONS, values: { type: 'boolean', default: false } },
  run: (positionals, values, terminal) =>
    lookingAtStore(positionals, values, terminal, async (sessions, [name, ...more]) => {
      if (name === undefined || more.length > 0) throw new Trouble('Which session? Its handle, or its short name, after the store.')
      const progress = new Progress(terminal, 'Looking at sessions:')
      const loaded = await sessions.find(name, progress)
      progress.end()
      if (!loaded) throw new Trouble('There is no such session, or it has ended.', 1)
      const row = rowOf(sessions, loaded)
      const attributes = Object.entries(attributesOf(loaded.stored.text)).map(([attribute, value]) => ({
        name: attribute,
        kind: kindOf(value),
        ...(values['values'] ? { value } : {})
      }))
      if (values['json']) {
        terminal.stdout.write(json({ ...row, attributes }))
        return 0
      }
      noteNames(sessions, terminal)
      const facts = [
        ['session', row.session],
        ['user', row.userId ?? '(nobody: a guest)'],
        ['begun', exactly(row.createdAt, '(not noted)')],
        ['signed in', exactly(row.signedInAt, '-')],
        ['last seen', exactly(row.lastSeenAt, '(not noted)')],
        ['expires', exactly(row.expiresAt, 'never')],
        ['size', bytes(row.size)]
      ]
      const width = Math.max(...facts.map(([fact]) => fact!.length))
      terminal.stdout.write(facts.map(([fact, value]) => `${fact!.padEnd(width)}  ${printable(value!)}\n`).join(''))
      if (attributes.length === 0) return 0
      const lines = attributes.map(({ name: attribute, kind, ...shown }) => [
        attribute,
        kind,
        ...('value' in shown ? [JSON.stringify(shown.value)] : [])
      ])
      terminal.stdout.write(`\n${table(terminal, ['ATTRIBUTE', 'KIND', ...(values['values'] ? ['VALUE'] : [])], lines)}`)
      return 0
    })
}
