import { execFileSync } from 'node:child_process'
import { accessSync, chownSync, constants, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, delimiter, dirname, join, sep } from 'node:path'
import { CannotRelink, hostGlibc, relinkFile } from './relink-glibc.ts'

/** This folder. */
export const HERE = import.meta.dirname

/** The account a server runs as, where that is another one than ours. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** The folder of an installed package. */
export function packageRoot(name: string, from: string = HERE): string | undefined {
  for (let directory = realpathSync(from); ; directory = dirname(directory)) {
    const root = join(directory, 'node_modules', ...name.split('/'))
    if (existsSync(join(root, 'package.json'))) return realpathSync(root)
    if (directory === dirname(directory)) return undefined
  }
}

/** `linux-x64`, `darwin-arm64` and so on, as the packages with servers name themselves. */
export function platform(): string {
  return `${process.platform}-${process.arch}`
}

/**
 * Copies of the files of a package, made once, fit for this system's glibc. They lie side by side: that is how they find one
 * another. Elsewhere than on Linux: the files themselves.
 * @returns the paths in the order of `files`, or why there are none
 */
export function relinked(root: string, files: readonly string[]): { paths: string[] } | { missing: string } {
  const originals = files.map((file) => join(root, file))
  if (process.platform !== 'linux') return { paths: originals }
  const host = hostGlibc()
  if (!host) return { missing: `${basename(root)} needs glibc` }
  const { name, version } = readJson(join(root, 'package.json'))
  const cache = join(cacheFolder(root), `${name.replace(/\W+/g, '-')}-${version}-glibc${host.join('.')}`)
  const paths = originals.map((file) => join(cache, basename(file)))
  if (paths.every((file) => existsSync(file))) return { paths }
  try {
    for (const [index, file] of originals.entries()) relinkFile(file, paths[index]!, host)
    return { paths }
  } catch (error) {
    if (error instanceof CannotRelink) return { missing: `${name}: ${error.message}` }
    throw error
  }
}

/** `node_modules/.cache` where it can be written, else one of this user in the temporary folder. */
function cacheFolder(root: string): string {
  const modules = join(root.slice(0, root.lastIndexOf(`${sep}node_modules${sep}`)), 'node_modules')
  for (const parent of [join(modules, '.cache'), join(tmpdir(), `sessile-${userInfo().uid}`)]) {
    const folder = join(parent, 'test-servers')
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      accessSync(folder, constants.W_OK)
      return folder
    } catch {
      // the next one
    }
  }
  throw new Error('There is no place to keep relinked files.')
}

/** A new folder of a server's own. */
export function temporaryFolder(name: string, { uid, gid }: Account = {}): string {
  const folder = mkdtempSync(join(tmpdir(), `test-${name}-`))
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid)
  return folder
}

/** A `package.json`. */
export function readJson(file: string): { name: string; version: string } {
  return JSON.parse(readFileSync(file, 'utf8')) as { name: string; version: string }
}

export function pathFolders(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
}

/** Where a program is. */
export function onPath(program: string): string | undefined {
  return pathFolders()
    .map((folder) => join(folder, program))
    .find(isExecutable)
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** What a program says to `--version`. */
export function versionOf(command: string): string {
  const text = execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return /v?=?(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? text.trim()
}
