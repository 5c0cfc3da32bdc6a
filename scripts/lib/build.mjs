// Builds the package when its sources are not the ones it was built from.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runNpm } from './install.mjs'
import { ROOT, withNode } from './run.mjs'
import { say, since, Trouble } from './say.mjs'

export const PACKAGE = join(ROOT, 'packages', 'sessile')
const PAGE = join(ROOT, 'packages', 'dashboard')
/** The dashboard's page as a module: made, not kept in the repository, and needed to run the sources. */
const MADE = join(PACKAGE, 'src', 'monitor', 'page.generated.ts')
const STAMP = join(ROOT, 'node_modules', '.cache', 'sessile', 'built')

/** Builds `packages/sessile/dist` with the given Node, unless it is up to date. */
export async function build(node) {
  const sources = hashSources()
  const built = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : ''
  if (built === sources && existsSync(join(PACKAGE, 'dist')) && existsSync(MADE)) return
  say('Building the package ...')
  const start = process.hrtime.bigint()
  const code = await runNpm(['run', 'build', '--silent', '-w', 'packages/sessile'], {
    env: withNode(node),
    stdio: ['ignore', process.stderr, process.stderr]
  })
  if (code !== 0) throw new Trouble('The package did not build; the compiler says above why. Mend it, then run the command again.')
  mkdirSync(join(STAMP, '..'), { recursive: true })
  writeFileSync(STAMP, sources)
  say(`Built in ${since(start)}.`)
}

/** Of the package, and of the dashboard's page that is built into it; what the build writes there itself does not count. */
function hashSources() {
  const hash = createHash('sha256')
  const files = [join(PACKAGE, 'src'), join(PAGE, 'src')]
    .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.generated.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
  const more = [join(PACKAGE, 'package.json'), join(PACKAGE, 'tsconfig.build.json'), join(PAGE, 'build.mjs'), join(PAGE, 'package.json')]
  for (const file of [...files, ...more].sort()) {
    hash.update(file).update(existsSync(file) ? readFileSync(file) : '')
  }
  return hash.digest('hex')
}
