/** `sessile` from the sources, as `bin/sessile.js` runs it from the build; for the tests, which start it as a process. */
import { createRequire } from 'node:module'
import { main } from '../../src/cli/main.ts'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

process.exitCode = await main(process.argv.slice(2), process, version)
