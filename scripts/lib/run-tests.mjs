// Runs test files under Node 24 and tells the outcome; started by scripts/test.mjs, which finds Node 24 and the files.
// One line per file; then, of the files that failed, their errors and what they printed. Closes with the counts.
import { availableParallelism } from 'node:os'
import { relative, resolve } from 'node:path'
import { run } from 'node:test'
import { inspect } from 'node:util'
import { Tally } from './tally.mjs'

/** Nothing heard for so long means that a file hangs: its name is told and the run ends. */
const SILENCE_MS = 300_000

const files = process.argv.slice(2).map((file) => resolve(file))
const name = (file) => relative(process.cwd(), file).replaceAll('\\', '/')
const print = (text) => process.stdout.write(`${text}\n`)
const indent = (text) => text.replace(/^/gm, '    ')

/** The message (with assert's comparison), and the lines of the stack that are ours. */
function describe(error) {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : inspect(error)
  const stack = (error.stack ?? String(error)).split('\n').filter((line) => !/^ +at .*(node:|internal)/.test(line))
  return stack.join('\n') + (error.cause === undefined ? '' : `\nCause: ${describe(error.cause)}`)
}

const tally = new Tally(files)
const stop = new AbortController()
let silence
const heard = () => {
  clearTimeout(silence)
  silence = setTimeout(() => {
    print(`\nNothing was heard for ${SILENCE_MS / 1000} s. Not finished: ${tally.unfinished().map(name).join(', ')}`)
    stop.abort()
  }, SILENCE_MS)
}

const events = run({
  files,
  concurrency: Math.min(4, Math.max(2, availableParallelism())),
  execArgv: ['--disable-warning=ExperimentalWarning'],
  signal: stop.signal
})

heard()
for await (const event of events) {
  heard()
  const file = tally.take(event)
  if (file) report(file)
}
clearTimeout(silence)

function report({ path, passed, skipped, failures, ms }) {
  const skips = skipped.length === 0 ? '' : `, ${skipped.length} skipped`
  print(`${failures.length === 0 ? 'ok  ' : 'FAIL'} ${name(path)} (${passed} passed${skips}, ${(ms / 1000).toFixed(1)} s)`)
}

for (const { path, failures, output } of tally.failed()) {
  print(`\nFAIL ${name(path)}`)
  for (const { title, line, error } of failures) {
    print(`\n  ${title}${line ? ` (${name(path)}:${line})` : ''}`)
    print(indent(describe(error)))
  }
  if (output) print(`\n  What it printed:\n${indent(output.trimEnd())}`)
}

const { passed, failed, skipped, files: done } = tally.total()
const problems = []
if (skipped.length > 0) {
  print('\nSkipped:')
  for (const { path, title, reason } of skipped) print(`  ${name(path)}: ${title}${typeof reason === 'string' ? ` (${reason})` : ''}`)
  if (process.env.REQUIRE_SERVERS === '1') problems.push('REQUIRE_SERVERS=1 allows no skipped test.')
}
const missing = files.filter((file) => !done.includes(file))
if (missing.length > 0) problems.push(`Not run to the end: ${missing.map(name).join(', ')}`)
if (passed + failed === 0) problems.push('No test ran.')
for (const problem of problems) print(`\n${problem}`)
print(`\n${passed} passed, ${failed} failed, ${skipped.length} skipped`)
process.exit(failed > 0 || problems.length > 0 ? 1 : 0)
