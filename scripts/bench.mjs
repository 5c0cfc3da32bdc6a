// Runs the measurements, for whoever compares: `npm run bench [NAME] [-- OPTIONS]`. Figures are ratios inside one run; leave the machine alone meanwhile.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { prepare } from './lib/prepare.mjs'
import { ROOT, run, withNode } from './lib/run.mjs'
import { script, Trouble } from './lib/say.mjs'

const FOLDER = join(ROOT, 'bench')
/** What measures opens with a comment that says what; the other files are what these share. */
const BENCHES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.ts') && readFileSync(join(FOLDER, file), 'utf8').includes('parseArgs('))
  .map((file) => file.replace(/\.ts$/, ''))
  .sort()

const HELP = `npm run bench [NAME] [-- OPTIONS]

Measures what the package costs beside what people would pick instead. NAME is one of ${BENCHES.join(', ')};
without it all run. OPTIONS go to the measurement: each file in bench/ begins with the ones it knows.
`

await script(HELP, async ([name, ...options]) => {
  const chosen = name && !name.startsWith('-') ? [name] : BENCHES
  const given = chosen === BENCHES ? [name, ...options].filter(Boolean) : options
  for (const one of chosen)
    if (!BENCHES.includes(one)) throw new Trouble(`There is no measurement "${one}". There are ${BENCHES.join(', ')}.`, 2)
  const node = await prepare('all')
  for (const one of chosen) {
    const code = await run(node, ['--disable-warning=ExperimentalWarning', join(FOLDER, `${one}.ts`), ...given], { env: withNode(node) })
    if (code !== 0) return code
  }
  return 0
})
