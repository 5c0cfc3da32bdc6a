import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it, type TestContext } from 'node:test'
import { guessable } from '../../src/cli/audit/identifiers.ts'
import { ITEMS } from '../../src/cli/audit/items.ts'
import type { Report } from '../../src/cli/audit/report.ts'
import { main } from '../../src/cli/main.ts'
import { newId } from '../../src/core/ids.ts'
import { PASSWORD, RETIRED, site, USER } from './site.ts'

const ALL = [
  '--session',
  '/visit',
  '--login',
  '/login',
  '--logout',
  '/logout',
  '--protected',
  '/profile',
  '--password-change',
  '/password',
  '--register',
  '/register',
  '--user',
  USER,
  '--samples',
  '20'
]

/** Runs `sessile` as a terminal does. */
async function run(args: readonly string[], env: Record<string, string> = { SESSILE_PASSWORD: PASSWORD, SESSILE_RETIRED_SECRET: RETIRED }) {
  const printed = { stdout: '', stderr: '' }
  const to = (name: 'stdout' | 'stderr') => ({ write: (text: string) => void (printed[name] += text) })
  const code = await main(args, { stdout: to('stdout'), stderr: to('stderr'), env })
  return { code, ...printed }
}

async function audited(
  t: TestContext,
  faults: (number | string)[],
  more: readonly string[] = ['--behind-proxy']
): Promise<Report & { code: number }> {
  const { url } = await site(t, ...faults)
  const { code, stdout, stderr } = await run(['audit', url, ...ALL, '--json', ...more])
  assert.equal(stderr, '')
  return { code, ...(JSON.parse(stdout) as Report) }
}

const itemsOf = (report: Report) => report.findings.map(({ item }) => item)

describe('sessile audit', () => {
  it('finds nothing on a careful site', async (t) => {
    const report = await audited(t, [])
    assert.deepEqual(report.findings, [])
    assert.equal(report.code, 0)
    assert.deepEqual(
      report.skipped.map(({ item }) => item),
      [21, 30, 31],
      'all but what has to be waited for'
    )
    assert.equal(report.cookie, '__Host-visit')
    assert.equal(report.passed.length, Object.keys(ITEMS).length - 3)
    assert.ok(report.requests < 400, `${report.requests} requests`)
  })

  const faults: readonly (readonly [fault: number | string, also?: readonly number[]])[] = [
    [1],
    ['1-repeated', [27, 74]],
    [2],
    [3],
    ['3-time'],
    ['3-counter'],
    [4],
    [5],
    [7],
    [10],
    ['10-retired'],
    ['7-header'],
    [13, [15]],
    [14],
    [15],
    ['15-domain'],
    [17],
    [18, [15]],
    [20],
    [25],
    [26],
    [27],
    [37, [4, 41]],
    [40],
    [41],
    [43],
    [44],
    [45],
    [50],
    [55],
    [62],
    [66],
    [67],
    [68, [69]],
    ['no-frames'],
    [69],
    [70],
    [74],
    ['74-trim'],
    ['74-case'],
    ['74-bytes'],
    ['74-nfc'],
    ['74-short'],
    [78],
    [79],
    [82],
    ['82-time'],
    [99],
    [105]
  ]
  for (const [fault, also = []] of faults) {
    it(`catches a site that is wrong in ${typeof fault === 'number' ? `item ${fault}: ${ITEMS[fault]!.title}` : fault}`, async (t) => {
      const wanted = fault === 'no-frames' ? 68 : parseInt(String(fault), 10)
      const report = await audited(t, [fault])
      assert.deepEqual(
        [...new Set(itemsOf(report))],
        [wanted, ...also].sort((one, other) => one - other),
        JSON.stringify(report.findings, undefined, 1)
      )
      assert.equal(report.code, 1)
      const finding = report.findings.find(({ item }) => item === wanted)!
      for (const text of [finding.source, finding.why, finding.fix, finding.evidence]) assert.ok(text.length > 3)
    })
  }

  it('waits for a session to run out, when it is asked to', async (t) => {
    const report = await audited(t, ['short'], ['--behind-proxy', '--wait', '10s', '--idle', '2s'])
    assert.deepEqual(report.findings, [])
    assert.ok([21, 30].every((item) => report.passed.includes(item)))
  })

  it(`catches a site that is wrong in item 21: ${ITEMS[21]!.title}`, async (t) => {
    const report = await audited(t, [21], ['--behind-proxy', '--wait', '10s'])
    assert.deepEqual(itemsOf(report), [21])
  })

  it('uses a session until it ends, when it is asked to', async (t) => {
    const report = await audited(t, ['absolute'], ['--behind-proxy', '--absolute', '2s'])
    assert.deepEqual(report.findings, [])
    assert.ok(report.passed.includes(31))
  })

  it(`catches a site that is wrong in item 30: ${ITEMS[30]!.title}; in item 31: ${ITEMS[31]!.title}`, async (t) => {
    const report = await audited(t, [], ['--behind-proxy', '--idle', '1s', '--absolute', '2s'])
    assert.deepEqual(itemsOf(report), [30, 31])
  })

  it('changes a password back that it could change', async (t) => {
    const { url } = await site(t, 55, 79)
    const args = ['audit', url, ...ALL, '--json', '--behind-proxy']
    for (const round of [1, 2]) {
      const report = JSON.parse((await run(args)).stdout) as Report
      assert.deepEqual(itemsOf(report), [55, 79], `round ${round}`)
    }
  })

  it('over plain HTTP the cookie of the same site is not even sent', async (t) => {
    const { url } = await site(t)
    const { code, stderr } = await run(['audit', url, ...ALL])
    assert.equal(code, 2)
    assert.match(stderr, /No session cookie was seen/)
  })

  it('asks a site as a program that begins no session for a page', async (t) => {
    const { url } = await site(t, 'not-for-pages')
    const { code, stdout } = await run(['audit', url, '--behind-proxy', '--samples', '5'], {})
    assert.match(stdout, /Nothing found/)
    assert.equal(code, 0)
  })

  it('signs out at the end what it signed in', async (t) => {
    const { url, signedIn } = await site(t)
    const [atLogout, rest] = [ALL.indexOf('--logout'), ['--json', '--behind-proxy']]
    assert.equal((await run(['audit', url, ...ALL, ...rest])).code, 0)
    assert.equal(await signedIn(), 0)
    await run(['audit', url, ...ALL.toSpliced(atLogout, 2), ...rest])
    assert.ok((await signedIn()) > 0)
  })

  it('ignores what it is told to, and says so', async (t) => {
    const report = await audited(t, [18, 45], ['--behind-proxy', '--ignore', '18,15,45'])
    assert.deepEqual([report.code, report.findings], [0, []])
    assert.deepEqual(
      report.skipped.map(({ item }) => item),
      [15, 18, 21, 30, 31, 45]
    )
  })

  it('without an account it looks at what a visitor sees', async (t) => {
    const { url } = await site(t, 105)
    const { code, stdout } = await run(['audit', url, '--session', '/visit', '--behind-proxy', '--samples', '10'], {})
    assert.equal(code, 1)
    assert.match(stdout, /✗ 105\. Metrics, admin and debug pages are closed/)
    assert.match(stdout, /seen {1,2}GET \/metrics is answered/)
    assert.match(stdout, /fix/)
    assert.match(stdout, /- 41\. .*needs --login/)
    assert.doesNotMatch(stdout, /\u001b/)
  })

  it('tells what is wrong with how it is called, and ends with 2', async (t) => {
    const { url } = await site(t)
    const wrong: [string[], RegExp][] = [
      [['audit'], /One address is needed/],
      [['audit', 'ftp://x'], /One address is needed/],
      [['audit', url, '--what'], /Unknown option '--what'/],
      [['audit', url, '--login', 'login'], /must be a path/],
      [['audit', url, '--samples', '1'], /--samples/],
      [['audit', url, '--wait', 'long'], /--wait/],
      [['audit', url, '--absolute', 'long'], /--absolute/],
      [['audit', url, '--register', 'x'], /--register must be a path/],
      [['audit', url, '--ignore', 'x'], /--ignore/],
      [['audit', url, '--user', 'x'], /SESSILE_PASSWORD/],
      [['audit', 'http://127.0.0.1:1/'], /was not answered/],
      [['audit', url], /No session cookie was seen/],
      [['nothing'], /There is no command "nothing"/]
    ]
    for (const [args, message] of wrong) {
      const { code, stderr, stdout } = await run(args, {})
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.match(stderr, message)
    }
    assert.equal((await run([])).code, 2)
    for (const args of [['--help'], ['audit', '--help']]) {
      const { code, stdout } = await run(args)
      assert.equal(code, 0)
      assert.match(stdout, /audit/)
    }
  })

  it('counts what can be guessed of ids', () => {
    const many = (make: (n: number) => string) => Array.from({ length: 100 }, (_, n) => make(n))
    assert.ok(guessable(many(newId)) > 170)
    assert.ok(guessable(many((n) => `prefix-that-is-long-${n + 100}`)) < 20)
    assert.ok(guessable(many(() => newId().slice(0, 8))) < 60)
  })
})

it('the package’s program is this command', async (t) => {
  const { url } = await site(t)
  const code = `import { main } from ${JSON.stringify(new URL('../../src/cli/main.ts', import.meta.url).href)}; process.exitCode = await main(process.argv.slice(1), process)`
  const child = spawn(process.execPath, [
    '--input-type=module',
    '-e',
    code,
    '--',
    'audit',
    url,
    '--session',
    '/visit',
    '--behind-proxy',
    '--samples',
    '3'
  ])
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (printed += text))
  const [exitCode] = (await once(child, 'close')) as [number]
  assert.match(printed, /Nothing found; \d+ items are fine\./)
  assert.equal(exitCode, 0)
})
