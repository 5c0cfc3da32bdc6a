// The pages of docs/ that are made from the sources: options, events, and the list of errors.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { docOf, errorsOf, literalOf, membersOf } from './read-sources.mjs'
import { ROOT } from './run.mjs'

const source = (path) => readFileSync(join(ROOT, 'packages', 'sessile', 'src', path), 'utf8')
const NOTE = '<!-- Made from the sources by `npm run docs`; change the comments there, not this page. -->'

/** What is shown of the options, in this order. `defaults` names the literal they stand in, where comments do not tell. */
const OPTIONS = [
  { title: '`session(options)`', file: 'express/options.ts', name: 'SessionOptions' },
  { title: '`lifetimes.anonymous`, `lifetimes.signedIn`', file: 'core/lifetimes.ts', name: 'LifetimeOptions' },
  ...stores(),
  { title: '`secure(preset, options)` of `sessile/security`', file: 'security/presets.ts', name: 'PresetOptions' },
  { title: '`crossSite(options)` of `sessile/security`', file: 'security/options.ts', name: 'CrossSiteOptions' },
  { title: '`csrf(options)` of `sessile/security`', file: 'security/options.ts', name: 'CsrfOptions' },
  { title: '`encrypted(store, options)` of `sessile/security`', file: 'security/encrypted.ts', name: 'EncryptionOptions' },
  { title: '`signals(options)` of `sessile/security`', file: 'security/options.ts', name: 'SignalsOptions' },
  { title: '`requireUser`, `requireRole`, `requireFresh` of `sessile/security`', file: 'security/guards.ts', name: 'GuardOptions' },
  { title: '`requireRole`, besides', file: 'security/guards.ts', name: 'RoleOptions' },
  {
    title: '`loginThrottle(options)` of `sessile/security`',
    file: 'security/options.ts',
    name: 'ThrottleOptions',
    defaults: 'THROTTLE_DEFAULTS'
  },
  {
    title: '`migrateSessions(options)` of `sessile/migrate`',
    file: 'stores/moving/migrate.ts',
    name: 'MigrateOptions',
    defaults: 'MIGRATE_DEFAULTS'
  },
  { title: '`movingFrom(from, to, options)` of `sessile/migrate`', file: 'stores/moving/moving-from.ts', name: 'MovingOptions' },
  { title: '`activity(options)` of `sessile/monitor`', file: 'monitor/options.ts', name: 'ActivityOptions', defaults: 'ACTIVITY_DEFAULTS' },
  { title: '`activity({ alerts })` of `sessile/monitor`', file: 'monitor/alerts.ts', name: 'AlertOptions', defaults: 'ALERT_DEFAULTS' },
  {
    title: '`dashboard(sessions, options)` of `sessile/monitor`',
    file: 'monitor/dashboard-options.ts',
    name: 'DashboardOptions',
    defaults: 'DASHBOARD_DEFAULTS'
  },
  {
    title: '`startSweeping(sessions, options)` of `sessile/monitor`',
    file: 'monitor/sweeping.ts',
    name: 'SweepingOptions',
    defaults: 'SWEEPING_DEFAULTS'
  },
  { title: '`metrics(options)` of `sessile/monitor`', file: 'monitor/metrics.ts', name: 'MetricsOptions', defaults: 'METRICS_DEFAULTS' }
]

/** The options of each store, from the folders of the stores. */
function stores() {
  const folder = join(ROOT, 'packages', 'sessile', 'src', 'stores')
  const named = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'options.ts')) && name !== 'express-store')
  return named.sort().flatMap((name) => {
    const file = `stores/${name}/options.ts`
    const found = /^export interface (\w+)StoreOptions\b/m.exec(source(file))
    const make = found && `${found[1][0].toLowerCase()}${found[1].slice(1)}Store`
    return found ? [{ title: `\`${make}(options)\` of \`sessile/stores/${name}\``, file, name: `${found[1]}StoreOptions` }] : []
  })
}

/** Every page that is made, by its path from the root. */
export function pages() {
  return { 'docs/options.md': optionsPage(), 'docs/events.md': eventsPage(), 'docs/errors/README.md': errorsPage() }
}

/** The codes that need a page `docs/errors/<code>.md`, with what its first lines have to say. */
export function errorCodes() {
  return errorsOf(source('core/errors.ts'))
}

function optionsPage() {
  const parts = OPTIONS.map(({ title, file, name, defaults }) => {
    const text = source(file)
    const given = defaults ? literalOf(text, defaults) : {}
    const rows = membersOf(text, name).map((member) => {
      const { doc, value } = splitDefault(member.doc)
      const standard = given[member.name] ?? value ?? (member.required ? 'required' : '')
      return `| \`${member.name}\` | ${code(member.type)} | ${standard && /^[\w'"{[]/.test(standard) && given[member.name] ? code(standard) : cell(standard)} | ${cell(doc)} |`
    })
    return `## ${title}\n\n${docOf(text, name)}\n\n| option | type | default | what it does |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return `${NOTE}

# Options

A \`Duration\` is a number of milliseconds, or text such as \`500ms\`, \`30s\`, \`15m\`, \`8h\`, \`7d\`. \`undefined\` means "not given".

${parts.join('\n')}`
}

function eventsPage() {
  const text = source('core/events.ts')
  const rows = membersOf(text, 'SessionEvents').map(({ name, type, doc }) => `| \`${name}\` | ${cell(doc)} | ${code(type)} |`)
  return `${NOTE}

# Events

\`\`\`js
const off = sessions.on('revoked', ({ handle, userId }) => { /* ... */ })
off()   // takes the listener off again
\`\`\`

Payloads hold handles, never ids or keys. A listener that throws is reported and breaks nothing. Each event is published on the
channel \`sessile:session:<event>\` of \`node:diagnostics_channel\` too; a subscriber there that throws ends the process, as Node has it.

| event | when | payload |
|---|---|---|
${rows.join('\n')}
`
}

function errorsPage() {
  const rows = errorCodes().map(({ code: name, status, sentence }) => `| [\`${name}\`](${name}.md) | ${status} | ${cell(sentence)} |`)
  return `${NOTE}

# Errors

The package throws one class, \`SessionError\`: \`code\` says which error it is and stays as it is, \`status\` is the HTTP status that
fits (Express uses it), \`cause\` is the original error where there is one. Tell it from others by \`isSessionError(error)\`.

| code | status | what happened |
|---|---|---|
${rows.join('\n')}
`
}

/** Comments end in "Default: X." or "Default \`X\`."; the table has a column for it. */
function splitDefault(doc) {
  const found = /\s*Default:? (`[^`]*`|[^.]+(?:\.(?! |$)[^.]*)*)\./.exec(doc)
  if (!found) return { doc, value: undefined }
  return { doc: (doc.slice(0, found.index) + doc.slice(found.index + found[0].length)).trim(), value: found[1] }
}

const cell = (text) => text.replaceAll('|', '\\|')
const code = (text) => `\`${cell(text)}\``
