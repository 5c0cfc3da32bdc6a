import { strict as assert } from 'node:assert'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { serverFor } from '@sessile/test-servers'
import { AUGMENTED } from './augmented.ts'
import { Packed, type Project } from './project.ts'

const PROGRAMS = readdirSync(new URL('ecosystem', import.meta.url)).filter((file) => /\.[cm]js$/.test(file))
const HELPERS = ['agent.cjs', 'servers.cjs']

/** The packed package as `express-session`, with what people use beside it. */
describe('T4. under the alias express-session', () => {
  const packed = new Packed()
  let project: Project
  before(() => {
    project = packed.ecosystem()
  })
  after(() => packed.remove())

  it('npm finds it right for every package that asks for express-session', () => {
    const listed = project.run('npm', 'ls', 'express-session')
    assert.match(listed, /connect-redis@\S+\n.+express-session@npm:sessile@/)
    assert.doesNotMatch(listed, /invalid|UNMET/)
  })

  for (const program of PROGRAMS.filter((file) => !HELPERS.includes(file)))
    it(program.replace(/\.[cm]js$/, ''), () => assert.match(project.run(process.execPath, program), /(^|\n)fine$/))

  for (const kind of ['redis', 'postgres', 'mongo'] as const) {
    it(`the store package of ${kind}`, async (t) => {
      const server = await serverFor(t, kind)
      if (server) assert.equal(project.run(process.execPath, 'servers.cjs', kind, server.url), 'fine')
    })
  }

  it('jest', () => {
    project.run(process.execPath, join('node_modules', 'jest', 'bin', 'jest.js'), '--ci', '--watchman=false')
  })

  it('TypeScript 5.9', () => {
    const text = AUGMENTED('express-session')
    project.check({ 'esm.mts': text, 'cjs.cts': text }, {}, join(project.root, 'node_modules', 'typescript'))
    project.check(
      { 'bundled.ts': text },
      { module: 'esnext', moduleResolution: 'bundler' },
      join(project.root, 'node_modules', 'typescript')
    )
  })
})
