// Runs the shop, for anyone who has just cloned the repository: `npm start`. Needs Node 20 or newer and npm, nothing else.
import { join } from 'node:path'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { script } from './lib/say.mjs'

const HELP = `npm start

Runs the shop: installs what is missing (the first time), finds Node 24, builds the package when its sources
have changed, and starts apps/shop. Ctrl-C ends it.

  PORT, HOST         where it listens (3000, 127.0.0.1)
  DATA_DIR           its databases and development secret (./data)
  STORE_URL          where sessions are kept (a SQLite file in DATA_DIR)
  More in README.md.
`

script(HELP, async () => {
  const node = await prepare('shop')
  return run(node, ['--disable-warning=ExperimentalWarning', join(ROOT, 'apps', 'shop', 'src', 'main.ts')], { env: withNode(node) })
})
