// Runs one of the seven examples, for whoever wants to see the package at work: `npm run example 1`.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { script, Trouble } from './lib/say.mjs'

const FOLDER = join(ROOT, 'examples')
const EXAMPLES = readdirSync(FOLDER)
  .filter((file) => /^\d-.*\.ts$/.test(file))
  .sort()

/** The first line of an example says what it is. */
const list = () =>
  EXAMPLES.map((file) => {
    const title = readFileSync(join(FOLDER, file), 'utf8').split('\n', 1)[0]
    return `  ${file.replace(/\.ts$/, '').padEnd(16)} ${title.replace(/^\/[/*]+ ?/, '').replace(/ ?\*\/$/, '')}\n`
  }).join('')

const HELP = `npm run example NUMBER|NAME

Runs an example at http://127.0.0.1:3000 (PORT chooses another). Ctrl-C ends it.

${list()}`

await script(HELP, async ([which]) => {
  const file = EXAMPLES.find(
    (name) => which && (name.startsWith(`${which}-`) || [name.replace(/\.ts$/, ''), name.replace(/^\d-|\.ts$/g, '')].includes(which))
  )
  if (!file)
    throw new Trouble(
      `${which ? `There is no example "${which}".` : 'Which one?'} npm run example NUMBER|NAME, with one of:\n\n${list()}`,
      2
    )
  const node = await prepare('examples')
  return run(node, ['--disable-warning=ExperimentalWarning', join(FOLDER, file)], { env: withNode(node) })
})
