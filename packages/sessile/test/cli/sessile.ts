/** `sessile` from the sources, as `bin/sessile.js` runs it from the build; for the tests, which start it as a process. */
import { main } from '../../src/cli/main.ts'

process.exitCode = await main(process.argv.slice(2), process)
