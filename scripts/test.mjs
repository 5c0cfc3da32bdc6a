// Runs the tests, for everyone: `npm test`, or `npm test -- sqlite` for the files whose path contains that word.
import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { script, Trouble } from './lib/say.mjs'

const HELP = `npm test [-- WORD ...]

Installs what is missing, builds the package and runs every *.test.ts of packages/*/test, apps/*/test and
examples/test with Node 24; with words, only the files whose path contains one of them:

  npm test -- sqlite
  npm test -- test/core apps/shop

  REQUIRE_SERVERS=1  a skipped test (because a server is not there) counts as a failure
The last line counts: N passed, N failed, N skipped.
`

/** Every test file, as a path from the root with forward slashes. */
function testFiles() {
  const folders = ['packages', 'apps']
    .flatMap((parent) => readdirSync(join(ROOT, parent)).map((name) => join(ROOT, parent, name, 'test')))
    .concat(join(ROOT, 'examples', 'test'), join(ROOT, 'scripts', 'test'))
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.test.ts') && !/[\\/](node_modules|fixtures|dist)[\\/]/.test(file))
    .map((file) => relative(ROOT, file).replaceAll('\\', '/'))
    .sort()
}

await script(HELP, async (args) => {
  const words = args.filter((arg) => !arg.startsWith('-'))
  const unknown = args.find((arg) => arg.startsWith('-'))
  if (unknown) throw new Trouble(`Unknown option ${unknown}. See npm test -- --help.`, 2)
  const files = testFiles().filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  if (files.length === 0) throw new Trouble(`No test file's path contains ${words.map((word) => `"${word}"`).join(' or ')}.`)
  const node = await prepare('all')
  return run(node, [join(ROOT, 'scripts', 'lib', 'run-tests.mjs'), ...files], { env: withNode(node) })
})
