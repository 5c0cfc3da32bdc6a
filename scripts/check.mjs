// What CI runs first, for everyone before a commit: `npm run check`. Types, the page's types, lint, format, layers, docs, security, in this order.
import { join } from 'node:path'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { say, script, since, Trouble } from './lib/say.mjs'

const HELP = `npm run check [-- STEP ...]      npm run format

Looks at the sources without running the product. Steps: types, page, lint, format, layers, docs, security; all of
them unless some are named.
Every step is run, and what failed is named at the end.

  npm run format    mends what can be mended by itself: lint, format, and the pages of docs/ that are made from the sources
`

const bin = (name) => join(ROOT, 'node_modules', name, 'bin', name === 'typescript' ? 'tsc' : name)

/** Each step: the Node arguments that look, those that mend, and what to do when it fails. */
const STEPS = {
  types: { look: [bin('typescript'), '-p', '.'] },
  page: { look: [bin('typescript'), '-p', 'packages/dashboard'] },
  lint: { look: [bin('oxlint'), '--deny-warnings'], mend: [bin('oxlint'), '--fix'], hint: 'npm run format mends some of it' },
  format: { look: [bin('oxfmt'), '--check'], mend: [bin('oxfmt')], hint: 'npm run format' },
  layers: { look: ['scripts/lib/run-tests.mjs', 'packages/sessile/test/layers.test.ts'] },
  docs: { look: ['scripts/docs.mjs', '--check'], mend: ['scripts/docs.mjs'], hint: 'npm run docs' },
  security: { look: ['scripts/security-table.mjs', '--check'], mend: ['scripts/security-table.mjs'], hint: 'npm run format -- security' }
}

await script(HELP, async (args) => {
  const mend = args.includes('--fix')
  const names = args.filter((arg) => arg !== '--fix')
  const unknown = names.find((name) => !Object.hasOwn(STEPS, name))
  if (unknown) throw new Trouble(`There is no step "${unknown}". Steps: ${Object.keys(STEPS).join(', ')}.`, 2)
  const node = await prepare('all')
  const failed = []
  for (const [name, step] of Object.entries(STEPS)) {
    if (names.length > 0 && !names.includes(name)) continue
    const command = mend ? step.mend : step.look
    if (!command) continue
    say(mend ? `Mending ${name} ...` : `Checking ${name} ...`)
    const start = process.hrtime.bigint()
    const code = await run(node, command, { env: withNode(node) })
    if (code === 0) say(`${name}: fine (${since(start)})`)
    else failed.push(step.hint ? `${name} (try: ${step.hint})` : name)
  }
  if (failed.length === 0) return 0
  throw new Trouble(`${mend ? 'Not everything could be mended' : 'Check failed'}: ${failed.join(', ')}`)
})
