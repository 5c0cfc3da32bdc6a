// Fills the last column of docs/security.md with the tests that show each item, for whoever added one: `npm run security`.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from './lib/run.mjs'
import { say, script, Trouble } from './lib/say.mjs'

const HELP = `npm run security [-- --check]

Reads the names of the tests of the package and of the shop ("item 27: ...", "... (item 27)", "CVE-2022-25896 ...") and writes where they stand into the tables of
docs/security.md. What follows a dash there is kept as it is. With --check nothing is written; it fails when the page is stale, when a
row has neither a test nor a reason, and when a test or a reason names what is not there.
`

const PAGE = join(ROOT, 'docs', 'security.md')
/** Where tests are, with what their files are called by in the tables. */
const FOLDERS = [
  ['packages/sessile/test', ''],
  ['apps/shop/test', 'shop/']
]
const TITLE = /(?:\b(?:it|test|onEachStore)|^ *describe)\(\s*(['"`])((?:\\.|(?!\1)[\s\S])*?)\1/gm
const ADVISORY = /CVE-\d{4}-\d+|GHSA(?:-\w{4}){3}|[\w.-]+\/[\w.-]+#\d+/g

/** A title of an item begins with it, `item 27: ...`; one that shows it as well ends with it, `... (item 27)`. */
const ITEMS = /^items? (\d+(?:, \d+)*):|\(items? (\d+(?:, \d+)*)\)$/

/** For each item and advisory, the files whose tests name it. */
function shownBy() {
  const found = new Map()
  const files = FOLDERS.flatMap(([folder, prefix]) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .sort()
      .map((name) => [join(ROOT, folder, name), prefix + name.replaceAll('\\', '/')])
  )
  for (const [path, name] of files) {
    for (const [, , title] of readFileSync(path, 'utf8').matchAll(TITLE)) {
      const [, first, last] = ITEMS.exec(title) ?? []
      const items = (first ?? last)?.split(', ') ?? []
      for (const key of [...items, ...(title.match(ADVISORY) ?? [])]) {
        if (!found.has(key)) found.set(key, new Set())
        found.get(key).add(name)
      }
    }
  }
  return found
}

/** The page with its last columns made anew, and what is wrong with it. */
function made(page, found) {
  const problems = []
  const rows = new Set()
  const lines = page.split('\n').map((line) => {
    const cells = line.split(/(?<!\\)\|/)
    const first = cells[1]?.trim() ?? ''
    const keys = /^\d+\*?$/.test(first) ? [first.replace('*', '')] : first.match(ADVISORY)
    if (!line.startsWith('| ') || !keys) return line
    for (const key of keys) rows.add(key)
    const last = cells.at(-2).trim()
    const reason = last.includes('— ') ? last.slice(last.indexOf('— ')) : ''
    const seen = [...reason.matchAll(/see ([^ ;:,]+)/g)].flatMap(([, name]) => name.match(ADVISORY) ?? [])
    for (const key of seen) if (!found.has(key)) problems.push(`${first}: no test is named after ${key}`)
    const files = new Set([...keys, ...seen].flatMap((key) => [...(found.get(key) ?? [])]))
    if (files.size === 0 && reason.length < 10) problems.push(`${first}: there is neither a test nor a reason`)
    const links = [...files].sort().map((file) => `[${file}](${linkTo(file)})`)
    cells[cells.length - 2] = ` ${[links.join(', '), reason].filter(Boolean).join(' ')} `
    return cells.join('|')
  })
  for (const [key, files] of found) if (!rows.has(key)) problems.push(`${[...files].join(', ')}: ${key} is not in the tables`)
  return { text: lines.join('\n'), problems }
}

function linkTo(file) {
  const [folder, prefix] = FOLDERS.find(([, prefix]) => prefix !== '' && file.startsWith(prefix)) ?? FOLDERS[0]
  return `../${folder}/${file.slice(prefix.length)}`
}

await script(HELP, async (args) => {
  const page = readFileSync(PAGE, 'utf8')
  const { text, problems } = made(page, shownBy())
  if (text !== page) {
    if (args.includes('--check')) problems.push('docs/security.md is stale: node scripts/security-table.mjs')
    else {
      writeFileSync(PAGE, text)
      say(`Wrote ${relative(ROOT, PAGE)}.`)
    }
  }
  if (problems.length > 0) throw new Trouble(problems.join('\n'))
})
