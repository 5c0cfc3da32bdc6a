import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'sessile-scripts-'))
after(() => rmSync(folder, { recursive: true }))

/** Runs a script with this Node, as its own and not as a part of this test run. */
function node(args: string[], env: Record<string, string> = {}): { code: number | null; output: string; lastLine: string } {
  const { NODE_TEST_CONTEXT, REQUIRE_SERVERS, ...rest } = process.env
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8', env: { ...rest, ...env } })
  return { code: status, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

/** Runs these test files (name to text) with the runner behind `npm test`. */
function runTests(files: Record<string, string>, env?: Record<string, string>): ReturnType<typeof node> {
  const paths = Object.entries(files).map(([name, text]) => {
    writeFileSync(join(folder, name), `import { describe, it, before } from 'node:test'\n${text}`)
    return join(folder, name)
  })
  return node([join(ROOT, 'scripts/lib/run-tests.mjs'), ...paths], env)
}

describe('the test runner', () => {
  it('counts tests, not suites, and passes', () => {
    const { code, lastLine } = runTests({
      'a.test.ts': "describe('s', () => { it('a', () => {}); it('b', async (t) => { await t.test('c', () => {}) }) })"
    })
    assert.deepEqual([code, lastLine], [0, '3 passed, 0 failed, 0 skipped'])
  })

  it('fails for a test that fails, and tells its message and place', () => {
    const { code, lastLine, output } = runTests({
      'a.test.ts': "it('fine', () => {})\ndescribe('s', () => { it('wrong', () => { throw new Error('on purpose') }) })",
      'b.test.ts': "it('fine', () => {})"
    })
    assert.deepEqual([code, lastLine], [1, '2 passed, 1 failed, 0 skipped'])
    assert.match(output, /s > wrong \(.*a\.test\.ts:3\)\n {4}Error: on purpose/)
  })

  it('fails for a file without a test, one that throws, one whose process fails, and a hook that throws', () => {
    const wrong: Record<string, string> = {
      'nothing.test.ts': '',
      'throws.test.ts': "throw new Error('at once')",
      'exit.test.ts': "it('fine', () => {}); process.on('exit', () => { process.exitCode = 3 })",
      'hook.test.ts': "describe('s', () => { before(() => { throw new Error('hook') }); it('a', () => {}) })"
    }
    for (const [name, text] of Object.entries(wrong)) {
      const { code, output } = runTests({ [name]: text, 'fine.test.ts': "it('fine', () => {})" })
      assert.equal(code, 1, `${name}\n${output}`)
      assert.equal(output.includes('at once'), name === 'throws.test.ts', 'what the process printed is shown')
    }
  })

  it('fails when no test ran', () => {
    const { code, lastLine } = runTests({ 'a.test.ts': "it('later', { todo: true }, () => {})" })
    assert.deepEqual([code, lastLine], [1, '0 passed, 1 failed, 0 skipped'])
    assert.equal(node(['scripts/lib/run-tests.mjs']).code, 1)
  })

  it('shows what is skipped and why; REQUIRE_SERVERS=1 makes it a failure', () => {
    const files = { 'a.test.ts': "it('a', () => {}); describe('s', { skip: 'no server' }, () => { it('b', () => {}) })" }
    const skipping = runTests(files)
    assert.deepEqual([skipping.code, skipping.lastLine], [0, '1 passed, 0 failed, 1 skipped'])
    assert.match(skipping.output, /a\.test\.ts: s \(no server\)/)
    const required = runTests(files, { REQUIRE_SERVERS: '1' })
    assert.deepEqual([required.code, required.lastLine], [1, '1 passed, 0 failed, 1 skipped'])
  })
})

describe('the scripts', () => {
  const scripts = readdirSync(join(ROOT, 'scripts')).filter((file) => file.endsWith('.mjs'))

  it('open with what they do, and know --help', () => {
    assert.ok(scripts.length >= 6)
    for (const file of scripts) {
      assert.match(readFileSync(join(ROOT, 'scripts', file), 'utf8'), /^\/\/ \w/, file)
      const { code, output } = node([`scripts/${file}`, '--help'])
      assert.deepEqual([code, output.startsWith('npm ')], [0, true], file)
    }
  })

  it('are in package.json', () => {
    const { scripts: commands } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    for (const file of scripts)
      assert.ok(
        Object.values(commands).some((command) => command.startsWith(`node scripts/${file}`)),
        file
      )
  })

  it('end with a sentence and no stack where they are misused', () => {
    for (const args of [
      ['scripts/test.mjs', 'no-path-has-this'],
      ['scripts/test.mjs', '--wrong'],
      ['scripts/check.mjs', 'wrong'],
      ['scripts/example.mjs', '9'],
      ['scripts/dev.mjs', '--visitors', 'many']
    ]) {
      const { code, output } = node(args)
      assert.ok(code !== 0 && !/\n +at /.test(output), `${args.join(' ')}\n${output}`)
    }
  })
})

describe('the docs', () => {
  it('are up to date: pages made from the sources, a page for every error code, no dead link', () => {
    const { code, output } = node(['scripts/docs.mjs', '--check'])
    assert.equal(code, 0, output)
  })
})
