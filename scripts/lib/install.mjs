// Sees to it that what package-lock.json names is installed, and notes what was installed, so that the next start takes no time.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, run } from './run.mjs'
import { say, since, Trouble } from './say.mjs'

const MODULES = join(ROOT, 'node_modules')
const STAMP = join(MODULES, '.cache', 'sessile', 'installed.json')
const LOCK = join(ROOT, '.installing')

/** What `npm start` needs: the shop and the package. Test servers, examples, benchmarks and the linter are not among it. */
const SHOP = ['-w', 'apps/shop', '-w', 'packages/sessile', '--include-workspace-root']

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
 * @param {'shop' | 'all'} scope what is needed: enough to run the shop, or everything
 */
export async function install(scope) {
  const hash = createHash('sha256')
    .update(read(join(ROOT, 'package-lock.json')) ?? '')
    .digest('hex')
  if (isInstalled(scope, hash)) return
  await alone(async () => {
    const stamp = json(STAMP)
    if (isInstalled(scope, hash)) return
    if (byHand()) return writeStamp({ hash, scope: 'all' })
    const wanted = stamp.scope === 'all' ? 'all' : scope
    const what = wanted === 'all' ? 'everything the tests need' : 'what the shop needs'
    say(`Installing ${what} (npm; Node 24 comes with it, about 50 MB) ...`)
    const start = process.hrtime.bigint()
    // `ci` begins by deleting everything. Where something is installed already, the missing rest is added beside it.
    const fresh = !existsSync(join(MODULES, '.package-lock.json'))
    const how = fresh ? ['ci'] : ['install', '--no-save']
    const code = await runNpm(
      [...how, ...(wanted === 'all' ? [] : SHOP), '--ignore-scripts', '--loglevel=error', '--no-fund', '--no-audit'],
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
    writeStamp({ hash, scope: wanted })
    say(`Installed in ${since(start)}.`)
  })
}

function isInstalled(scope, hash) {
  const stamp = json(STAMP)
  return stamp.hash === hash && (stamp.scope === 'all' || stamp.scope === scope)
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
