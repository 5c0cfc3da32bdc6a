import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Packed } from './project.ts'

const packed = new Packed()
after(() => packed.remove())

/** The files in the guide: each block of code begins with its name. */
const guide = readFileSync(new URL('../../../../docs/migrating.md', import.meta.url), 'utf8')
const files = new Map([...guide.matchAll(/```[jt]s\n\/\/ ([\w.-]+)\n([^]*?)```/g)].map(([, name, text]) => [name!, text!]))

function file(name: string): string {
  const text = files.get(name)
  assert.ok(text, `the guide has ${name}`)
  return text
}

const ASK = `
  async function views(app) {
    const server = app.listen(0)
    const url = 'http://localhost:' + server.address().port
    const first = await fetch(url)
    const cookie = first.headers.get('set-cookie').split(';')[0]
    const second = await fetch(url, { headers: { cookie } })
    server.close()
    server.closeAllConnections()
    return (await first.json()).views + ' ' + (await second.json()).views
  }`

test('T8. the migrating guide: in one line, and under the alias', () => {
  const own = packed.project('sessile')
  own.write('app.mjs', file('app.mjs'))
  assert.equal(own.node('ask.mjs', `import app from './app.mjs'\n${ASK}\nconsole.log(await views(app))`), '1 2')
  const aliased = packed.project('express-session')
  aliased.write('aliased.cjs', file('aliased.cjs'))
  assert.equal(aliased.node('ask.cjs', `${ASK}\nviews(require('./aliased.cjs')).then(console.log)`), '1 2')
})

test('T8. the migrating guide: there and back again, with one cookie and one record', () => {
  const project = packed.project('sessile', ['express-session'])
  project.write('both.mjs', file('both.mjs'))
  const told = project.node(
    'ask.mjs',
    `
    import express from 'express'
    import { before, after } from './both.mjs'
    const ports = [before, after].map((middleware) => {
      const app = express()
      app.use(middleware)
      app.get('/', (req, res) => res.json((req.session.views = (req.session.views ?? 0) + 1)))
      const server = app.listen(0)
      server.unref()
      return server.address().port
    })
    let cookie
    const seen = []
    for (const port of [ports[0], ports[1], ports[0], ports[1], ports[0]]) {
      const answer = await fetch('http://localhost:' + port, cookie ? { headers: { cookie } } : {})
      cookie ??= answer.headers.get('set-cookie').split(';')[0]
      seen.push(await answer.json())
    }
    console.log(seen.join(' '))
    process.exit()`
  )
  assert.equal(told, '1 2 3 4 5')
})

test('T8. the migrating guide: stores and types', () => {
  const project = packed.project('sessile')
  project.check({ 'stores.mts': file('stores.mts'), 'types.mts': file('types.mts') })
  packed.project('sessile').check({ 'old-types.mts': file('old-types.mts') })
})

test('T8. @types/express-session beside ours is refused by the compiler, or silently misses: the guide says to uninstall it', () => {
  assert.match(guide, /Uninstall `@types\/express-session`/)
  const project = packed.project('sessile')
  const folder = join(project.root, 'node_modules', 'express-session')
  mkdirSync(folder, { recursive: true })
  project.write('node_modules/express-session/package.json', '{ "name": "express-session", "version": "1.18.2", "types": "index.d.ts" }')
  project.write(
    'node_modules/express-session/index.d.ts',
    `declare global { namespace Express { interface Request { session: session.Session & Partial<session.SessionData> } } }
     declare namespace session { interface SessionData { cookie: object } class Session { id: string } }
     export = session\n`
  )
  const both = "import 'express-session'\nimport session from 'sessile'\nexport default session\n"
  assert.throws(() => project.check({ 'main.mts': both }, { skipLibCheck: false }), /TS2717/)
  project.check({ 'main.mts': both }, { skipLibCheck: true })
  project.check({ 'main.mts': both.replace("import 'express-session'\n", '') }, { skipLibCheck: false })
})
