// Makes the pages of docs/ that come from the sources, for whoever changed an option, an event or an error: `npm run docs`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { errorCodes, pages } from './lib/pages.mjs'
import { ROOT } from './lib/run.mjs'
import { say, script, Trouble } from './lib/say.mjs'

const HELP = `npm run docs [-- --check]

Writes docs/options.md, docs/events.md and docs/errors/README.md from the sources. With --check nothing is written; it fails when
one of them is stale, when an error has no page in docs/errors (or a page no error), or when a link leads nowhere.
`

/** Links of README, CONTRIBUTING and docs/ to files that are not there. */
function deadLinks() {
  const files = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs'), { recursive: true }).map((file) => join('docs', file))]
  return files
    .filter((file) => file.endsWith('.md') && existsSync(join(ROOT, file)))
    .flatMap((file) => {
      const links = [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link]) => link)
      return links
        .filter((link) => !existsSync(join(ROOT, dirname(file), link)))
        .map((link) => `${file}: the link to ${link} leads nowhere`)
    })
}

function wrongErrorPages() {
  const folder = join(ROOT, 'docs', 'errors')
  const codes = errorCodes()
  const extra = readdirSync(folder)
    .filter((file) => file !== 'README.md' && !codes.some(({ code }) => file === `${code}.md`))
    .map((file) => `docs/errors/${file}: there is no such error`)
  return codes
    .flatMap(({ code, status, sentence }) => {
      const file = join(folder, `${code}.md`)
      if (!existsSync(file)) return `docs/errors/${code}.md is missing: ${sentence}`
      const start = `# ${code}\n\n${sentence} (HTTP status ${status})\n`
      return readFileSync(file, 'utf8').startsWith(start) ? [] : `docs/errors/${code}.md has to begin with:\n${start}`
    })
    .concat(extra)
}

await script(HELP, async (args) => {
  const check = args.includes('--check')
  const stale = []
  for (const [path, text] of Object.entries(pages())) {
    const file = join(ROOT, path)
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
    if (check) stale.push(`${path} is stale: npm run docs`)
    else {
      writeFileSync(file, text)
      say(`Wrote ${relative(ROOT, file)}.`)
    }
  }
  const problems = [...stale, ...wrongErrorPages(), ...deadLinks()]
  if (problems.length > 0) throw new Trouble(problems.join('\n'))
  return 0
})
