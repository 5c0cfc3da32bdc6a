/** What may see what: the table behind `layers.test.ts`. */

/** For each folder of the package's `src`, the folders that it may import from (besides itself). */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  stores: ['core'],
  express: ['core', 'stores'],
  security: ['core', 'stores', 'express'],
  monitor: ['core', 'stores', 'express'],
  cli: ['core', 'stores', 'express', 'security', 'monitor'],
  // Suites that authors of stores run: beside the product, so that nothing of the product can lean on it.
  testing: ['core', 'stores', 'express'],
  entries: ['core', 'stores', 'express', 'security', 'monitor', 'cli', 'testing']
}

/** The folders that may know HTTP. */
export const SEES_HTTP: readonly string[] = ['express', 'security', 'monitor', 'cli']
export const HTTP_MODULES: readonly string[] = ['node:http', 'node:https', 'node:http2', 'http', 'https', 'http2', 'express', 'connect']

/** Modules that are named in one folder only. */
export const OWN_FOLDER: Readonly<Record<string, string>> = {
  'node:sqlite': 'stores/sqlite',
  'better-sqlite3': 'stores/sqlite',
  redis: 'stores/redis',
  ioredis: 'stores/redis',
  iovalkey: 'stores/redis',
  mongodb: 'stores/mongodb',
  pg: 'stores/postgres',
  'express-session': 'stores/express-store',
  'rate-limiter-flexible': 'security',
  'prom-client': 'monitor'
}

/** The one file that reads the time and sets timers. */
export const CLOCK = 'core/clock.ts'

/** The folder that talks to a terminal. */
export const TERMINAL = 'cli'

export type Rule = 'layers' | 'cycle' | 'http' | 'driver' | 'time' | 'console' | 'entry' | 'published-name' | 'parts'

export interface Exception {
  /** Path in `src`; with a slash at its end, everything in that folder. */
  readonly file: string
  readonly rule: Rule
  readonly why: string
}

/** Where a rule is broken knowingly. An exception that is not needed any more fails the test. */
export const EXCEPTIONS: readonly Exception[] = [
  { file: 'testing/', rule: 'time', why: 'the fake clock replaces it, and the suite measures how long a store takes to fail' },
  { file: 'testing/', rule: 'console', why: 'the suite prints what a store does not promise' },
  {
    file: 'express/factory.ts',
    rule: 'console',
    why: 'express-session prints its warning of the MemoryStore there, and people filter on it'
  },
  { file: 'express/incumbents/postgres-options.ts', rule: 'console', why: 'the default of its option errorLog, as in connect-pg-simple' }
]

/** The shop: every folder is a part, but for those below all parts and those above them (pages show what the parts know). */
export const SHOP_BELOW: readonly string[] = ['database']
export const SHOP_ABOVE: readonly string[] = ['pages']
