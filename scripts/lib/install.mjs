// Sees to it that what package-lock.json names is installed, and notes what was, so that the next start takes no time.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './run.mjs'
import { say, since, Trouble } from './say.mjs'

const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.cache', 'sessile', 'installed.json')
const LOCK = join(ROOT, '.installing')

/**
 * Which workspaces are installed for what, without their devDependencies, so what building needs is a dependency of the root.
 * `all` is every one, with the linter, test servers, and whatever else only tests need.
 */
const SCOPES = {
  shop: ['packages/sessile', 'packages/dashboard', 'apps/shop'],
  examples: ['packages/sessile', 'packages/dashboard', 'examples']
}

const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)
const json = (file) => {
  try {
    return JSON.parse(read(file) ?? '{}')
  } catch {
    return {}
  }
}

/** How to call npm: the one that runs us, by the Node that runs it, else the one in PATH. */
function npm() {
  const { npm_execpath: cli, npm_node_execpath: node } = process.env
  if (cli && /npm-cli\.c?js$/.test(cli)) return [node ?? process.execPath, [cli]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []]
}

/** Runs npm with the given arguments; its chatter stays off, its errors and what `stdio` says come through. */
export function runNpm(args, options) {
  const [command, first] = npm()
  return run(command, [...first, ...args], options)
}

/**
 * Installs what is missing.
 * @param {'shop' | 'examples' | 'all'} scope what is needed
 */
export async function install(scope) {
  const hash = createHash('sha256')
    .update(read(join(ROOT, 'package-lock.json')) ?? '')
    .digest('hex')
  if (isInstalled(scope, hash)) return
  await alone(async () => {
    const stamp = json(STAMP)
    if (isInstalled(scope, hash)) return
    if (byHand()) return writeStamp({ hash, scopes: ['all'] })
    // What other commands have installed stays, so that going to and fro between them costs nothing.
    const scopes = [...new Set([...(stamp.scopes ?? []), scope])]
    const all = scopes.includes('all')
    const workspaces = [...new Set(scopes.flatMap((name) => SCOPES[name] ?? []))].flatMap((folder) => ['-w', folder])
    say(
      `Installing ${all ? 'everything that is missing' : `what the ${scope} need${scope.endsWith('s') ? '' : 's'}`} with npm; Node 24 (50 MB) comes along ...`
    )
    const start = process.hrtime.bigint()
    // `ci` begins by deleting everything. Where something is installed already, the missing rest is added beside it.
    const how = existsSync(join(MODULES, '.package-lock.json')) ? ['install', '--no-save'] : ['ci']
    const which = all ? ['--include=dev'] : [...workspaces, '--include-workspace-root', '--omit=dev']
    const code = await runNpm(
      [
        ...how,
        ...which,
        '--include=optional',
        '--ignore-scripts',
        '--fetch-retry-mintimeout=3000',
        '--loglevel=error',
        '--no-fund',
        '--no-audit'
      ],
      {
        stdio: ['ignore', process.stderr, process.stderr]
      }
    )
    if (code === 127) throw new Trouble('npm was not found. It comes with Node.js: install Node.js 20 or newer, with npm, and try again.')
    if (code !== 0) {
      throw new Trouble(
        `npm could not install the dependencies (exit code ${code}; its own words are above). Is the npm registry reachable from here?\n` +
          'Try again when it is; if it still fails, delete the folder node_modules and try once more.'
      )
    }
    writeStamp({ hash, scopes })
    say(`Installed in ${since(start)}.`)
  })
}

function isInstalled(scope, hash) {
  const { hash: installed, scopes = [] } = json(STAMP)
  return installed === hash && (scopes.includes('all') || scopes.includes(scope))
}

function writeStamp(stamp) {
  mkdirSync(join(STAMP, '..'), { recursive: true })
  writeFileSync(STAMP, JSON.stringify(stamp))
}

/** Whether someone has run `npm install` by hand: everything that is in our lock file is in npm's note of what is there. */
function byHand() {
  const there = json(join(MODULES, '.package-lock.json')).packages
  const wanted = json(join(ROOT, 'package-lock.json')).packages
  if (!there || !wanted) return false
  return Object.entries(wanted).every(([path, { version, optional, devOptional, peer }]) => {
    if (!path.includes('node_modules/') || optional || devOptional || peer) return true
    return there[path]?.version === version || there[path]?.link === true
  })
}

/** Keeps a second `npm start` or `npm test` waiting while the first installs. */
async function alone(action) {
  for (let told = false; ;) {
    try {
      mkdirSync(LOCK)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (!told) say('Waiting for another script that is installing (if there is none, delete the folder .installing) ...')
      told = true
      await new Promise((resolve) => setTimeout(resolve, 500))
      const age = existsSync(LOCK) ? Date.now() - statSync(LOCK).mtimeMs : 0
      if (age > 10 * 60_000) rmSync(LOCK, { recursive: true, force: true })
    }
  }
  const release = () => rmSync(LOCK, { recursive: true, force: true })
  process.once('exit', release)
  try {
    await action()
  } finally {
    process.off('exit', release)
    release()
  }
}
