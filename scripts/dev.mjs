// Runs the shop for those who change it: `npm run dev`. It starts again when a file of the shop or of the package changes.
import { existsSync, readdirSync, rmSync, watch } from 'node:fs'
import { join, resolve } from 'node:path'
import { build, PACKAGE } from './lib/build.mjs'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { say, script, Trouble } from './lib/say.mjs'
import { visit } from './lib/visitors.mjs'

const HELP = `npm run dev [-- --reset] [-- --visitors N]

Runs the shop, builds the package anew when its sources change, and starts the shop again when something has changed.

  --reset         first deletes the shop's databases in DATA_DIR (./data): the next start makes the demo data again
  --visitors N    N visitors look around, fill carts and sign in, so that there is something to see (needs the demo users)
`

/** Deletes the databases that the shop makes, and nothing else that may be in that folder. */
function reset(folder) {
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => /^(shop|sessions)\.db(-wal|-shm|-journal)?$/.test(file)) : []
  for (const file of files) rmSync(join(folder, file))
  say(files.length > 0 ? `Deleted ${files.join(', ')} in ${folder}.` : `There is nothing to delete in ${folder}.`)
}

/** Builds the package a moment after its sources were changed; a failed build is told and leaves the last one in place. */
function rebuildOnChange(node) {
  let timer
  let last = Promise.resolve()
  const rebuild = () => {
    last = last.then(() => build(node)).catch((error) => say(error.message))
  }
  watch(join(PACKAGE, 'src'), { recursive: true }, () => {
    clearTimeout(timer)
    timer = setTimeout(rebuild, 100)
  }).unref()
}

await script(HELP, async (args) => {
  const at = args.indexOf('--visitors')
  const visitors = at === -1 ? 0 : Number(args[at + 1])
  const rest = args.filter((arg, i) => arg !== '--reset' && (at === -1 || (i !== at && i !== at + 1)))
  if (rest.length > 0) throw new Trouble(`Unknown option ${rest[0]}. See npm run dev -- --help.`, 2)
  if (!Number.isInteger(visitors) || visitors < 0) throw new Trouble('--visitors takes a number: npm run dev -- --visitors 20', 2)
  const node = await prepare('shop')
  if (args.includes('--reset')) reset(resolve(ROOT, process.env.DATA_DIR ?? 'data'))
  rebuildOnChange(node)
  const { HOST = '127.0.0.1', PORT = '3000' } = process.env
  const end = visitors > 0 ? visit(`http://${HOST}:${PORT}`, visitors) : () => {}
  const code = await run(node, ['--watch', '--watch-preserve-output', '--disable-warning=ExperimentalWarning', 'apps/shop/src/main.ts'], {
    env: withNode(node)
  })
  end()
  return code
})
