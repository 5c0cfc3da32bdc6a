import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { problems, type Sources, staleExceptions, tell } from './layers/rules.ts'
import { importsOf } from './layers/source.ts'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** Every TypeScript file of the package's sources, the shop's, and the examples. */
function readSources(): Sources {
  const sources = new Map<string, string>()
  for (const folder of ['packages/sessile/src', 'apps/shop/src', 'examples']) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${name.replaceAll('\\', '/')}`
      if (path.endsWith('.ts') && !path.includes('/node_modules/')) sources.set(path, readFileSync(join(ROOT, path), 'utf8'))
    }
  }
  return sources
}

describe('layers', () => {
  it('the sources keep to the table', () => {
    const sources = readSources()
    assert.ok(sources.size > 50, 'the sources were found')
    assert.deepEqual(problems(sources).map(tell), [])
  })

  it('every exception in the table is still needed', () => {
    assert.deepEqual(staleExceptions(readSources()), [])
  })
})

/** What is told about these few files, as `file:line rule`. */
function found(files: Record<string, string>): string[] {
  return problems(new Map(Object.entries(files))).map(
    ({ file, line, rule }) => `${file.replace('packages/sessile/src/', '')}:${line} ${rule}`
  )
}

const SRC = 'packages/sessile/src'

describe('what the rules catch', () => {
  it('a lower layer that imports a higher one, also for types only', () => {
    assert.deepEqual(found({ [`${SRC}/core/a.ts`]: "\nimport type { B } from '../stores/b.ts'" }), ['core/a.ts:2 layers'])
    assert.deepEqual(found({ [`${SRC}/stores/a.ts`]: "export { b } from '../express/b.ts'" }), ['stores/a.ts:1 layers'])
    assert.deepEqual(found({ [`${SRC}/express/a.ts`]: "type B = import('../cli/b.ts').B" }), ['express/a.ts:1 layers'])
    assert.deepEqual(found({ [`${SRC}/express/a.ts`]: "import { b } from '../core/b.ts'\nimport { c } from '../stores/c.ts'" }), [])
  })

  it('security and monitor that import each other', () => {
    assert.deepEqual(found({ [`${SRC}/security/a.ts`]: "import { b } from '../monitor/b.ts'" }), ['security/a.ts:1 layers'])
    assert.deepEqual(found({ [`${SRC}/monitor/a.ts`]: "import { b } from '../security/b.ts'" }), ['monitor/a.ts:1 layers'])
  })

  it('the product leaning on its testing tools, a folder without a layer, an import that leaves src', () => {
    assert.deepEqual(found({ [`${SRC}/express/a.ts`]: "import { b } from '../testing/b.ts'" }), ['express/a.ts:1 layers'])
    assert.deepEqual(found({ [`${SRC}/helpers/a.ts`]: '' }), ['helpers/a.ts:1 layers'])
    assert.deepEqual(found({ [`${SRC}/core/a.ts`]: "import b from '../../test/b.ts'" }), ['core/a.ts:1 layers', 'core/a.ts:1 layers'])
  })

  it('files that import each other in a circle', () => {
    const circle = {
      [`${SRC}/core/a.ts`]: "import './b.ts'",
      [`${SRC}/core/b.ts`]: "import './c.ts'",
      [`${SRC}/core/c.ts`]: "\n\nimport './a.ts'"
    }
    assert.deepEqual(found(circle), ['core/c.ts:3 cycle'])
    assert.deepEqual(found({ ...circle, [`${SRC}/core/c.ts`]: "import type { A } from './a.ts'" }), [])
    assert.deepEqual(found({ ...circle, [`${SRC}/core/c.ts`]: "import type X from 'x'\nexport { a } from './a.ts'" }), [
      'core/c.ts:2 cycle'
    ])
  })

  it('HTTP below the express layer', () => {
    assert.deepEqual(found({ [`${SRC}/core/a.ts`]: "import type { IncomingMessage } from 'node:http'" }), ['core/a.ts:1 http'])
    assert.deepEqual(found({ [`${SRC}/monitor/a.ts`]: "import type { IncomingMessage } from 'node:http'" }), [])
  })

  it('a driver outside its folder, however it is loaded', () => {
    assert.deepEqual(found({ [`${SRC}/stores/by-url.ts`]: "const pg = require('pg')" }), ['stores/by-url.ts:1 driver'])
    assert.deepEqual(found({ [`${SRC}/express/a.ts`]: "await import('redis/dist/x.js')" }), ['express/a.ts:1 driver'])
    assert.deepEqual(found({ [`${SRC}/stores/postgres/client.ts`]: "import 'pg'" }), [])
  })

  it('the time read outside the clock', () => {
    const wrong = 'a(Date.now())\nb(new Date())\nsetTimeout(c, 1)\nsetInterval(c, 1); setImmediate(c)\nnew Date\nperformance.now()'
    const lines = [1, 2, 3, 4, 4, 5, 6].map((line) => `stores/a.ts:${line} time`)
    assert.deepEqual(found({ [`${SRC}/stores/a.ts`]: wrong }).sort(), lines)
    assert.deepEqual(found({ [`${SRC}/core/clock.ts`]: wrong }), [])
    assert.deepEqual(found({ [`${SRC}/core/a.ts`]: "import { setTimeout } from 'node:timers/promises'" }), [
      'core/a.ts:1 time',
      'core/a.ts:1 time'
    ])
    const right =
      'new Date(5); clock.setTimeout(x) // Date.now()\n/* setTimeout */ const s = "Date.now()" + `setTimeout ${"new Date()"}` + /Date.now/.source'
    assert.deepEqual(found({ [`${SRC}/stores/a.ts`]: right }), [])
    assert.deepEqual(found({ [`${SRC}/stores/a.ts`]: '`at ${Date.now()}`' }), ['stores/a.ts:1 time'])
  })

  it('console outside the command line', () => {
    assert.deepEqual(found({ [`${SRC}/express/a.ts`]: "\nconsole.warn('x')" }), ['express/a.ts:2 console'])
    assert.deepEqual(found({ [`${SRC}/cli/a.ts`]: "console.log('x')" }), [])
  })

  it('an entry that does more than import and export', () => {
    assert.deepEqual(found({ [`${SRC}/entries/a.ts`]: "export { a } from '../core/a.ts'\n\nexport const b = 1" }), ['entries/a.ts:3 entry'])
    assert.deepEqual(
      found({
        [`${SRC}/entries/a.ts`]: "/** A. */\nimport { a } from '../core/a.ts'\nexport type {\n  B\n} from '../core/b.ts'\nexport { a }\n"
      }),
      []
    )
  })

  it('users of the package that reach into it', () => {
    assert.deepEqual(found({ 'apps/shop/src/a.ts': "import a from '../../../packages/sessile/src/core/a.ts'" }), [
      'apps/shop/src/a.ts:1 published-name'
    ])
    assert.deepEqual(found({ 'examples/a.ts': "import a from 'sessile/dist/core/a.js'" }), ['examples/a.ts:1 published-name'])
    assert.deepEqual(found({ 'examples/a.ts': "import a from 'sessile'\nimport b from 'sessile/stores/memory'" }), [])
  })

  it('parts of the shop that import each other', () => {
    assert.deepEqual(found({ 'apps/shop/src/orders/a.ts': "import type { Cart } from '../cart/cart.ts'" }), [
      'apps/shop/src/orders/a.ts:1 parts'
    ])
    assert.deepEqual(found({ 'apps/shop/src/orders/a.ts': "import { x } from '../http.ts'\nimport { y } from '../database/y.ts'" }), [])
    assert.deepEqual(found({ 'apps/shop/src/database/a.ts': "import { x } from '../cart/cart.ts'" }), [
      'apps/shop/src/database/a.ts:1 parts'
    ])
    assert.deepEqual(found({ 'apps/shop/src/cart/a.ts': "import { x } from '../pages/x.ts'" }), ['apps/shop/src/cart/a.ts:1 parts'])
    assert.deepEqual(found({ 'apps/shop/src/pages/a.ts': "import { x } from '../cart/cart.ts'" }), [])
    assert.deepEqual(found({ 'apps/shop/src/app.ts': "import { x } from './cart/cart.ts'\nimport { y } from './orders/y.ts'" }), [])
  })

  it('and imports are found in every form, but not in comments and strings', () => {
    const text = [
      "import a from 'a'",
      "import {\n  b,\n  type B\n} from 'b'",
      "import 'c'",
      "export * from 'd'",
      'const e = await import("e")',
      "type F = typeof import('f')",
      "require ( 'g' )",
      "// import x from 'x'",
      "/* export * from 'y' */ const from = \"import z from 'z'\""
    ].join('\n')
    assert.deepEqual(
      importsOf(text).map(({ specifier }) => specifier),
      ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    )
  })
})
