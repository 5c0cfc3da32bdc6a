import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PACKAGE = fileURLToPath(new URL('../../', import.meta.url))
const MODULES = dirname(dirname(createRequire(import.meta.url).resolve('depd/package.json')))

/** Runs a command and gives what it printed. @throws Error with all its output when it fails */
function run(command: string, given: string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, given, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', NO_DEPRECATION: '*' }
  })
  if (status !== 0) throw new Error(`${command} ${given.join(' ')} failed\n${stdout}\n${stderr}${error ?? ''}`)
  return stdout
}

/** The package as it would be published: packed from a copy, so that nobody's build is touched, and unpacked. */
export class Packed {
  readonly folder = mkdtempSync(join(tmpdir(), 'sessile-acceptance-'))
  /** The package's file. */
  readonly tarball: string
  /** What is in the package. */
  readonly files: readonly string[]

  constructor() {
    const copy = join(this.folder, 'copy', 'packages', 'sessile')
    // the dashboard's page is built into the package from the folder beside it
    for (const name of ['sessile', 'dashboard']) {
      const filter = (path: string) => !/[\\/](node_modules|dist|test)$/.test(path)
      cpSync(join(PACKAGE, '..', name), join(copy, '..', name), { recursive: true, filter })
    }
    symlinkSync(MODULES, join(this.folder, 'copy', 'node_modules'), 'junction')
    const [packed] = JSON.parse(run('npm', ['pack', '--json', '--silent', '--pack-destination', this.folder], copy)) as {
      filename: string
      files: { path: string }[]
    }[]
    this.files = packed!.files.map(({ path }) => path)
    this.tarball = join(this.folder, packed!.filename)
    run('tar', ['-xzf', this.tarball], this.folder)
  }

  /**
   * A tiny project with the package installed, without the network.
   * @param name under which name it is installed
   * @param copied packages that import it, by that name; the rest of `node_modules` is linked
   */
  project(name: string, copied: readonly string[] = []): Project {
    const root = mkdtempSync(join(this.folder, 'project-'))
    const modules = join(root, 'node_modules')
    mkdirSync(modules)
    const left = new Set([name, 'sessile', 'express-session', ...copied])
    for (const entry of readdirSync(MODULES)) {
      if (!left.has(entry) && !entry.startsWith('.')) symlinkSync(join(MODULES, entry), join(modules, entry), 'junction')
    }
    for (const one of copied) cpSync(join(MODULES, one), join(modules, one), { recursive: true, dereference: true })
    cpSync(join(this.folder, 'package'), join(modules, name), { recursive: true })
    const project = new Project(root)
    project.write('package.json', '{ "private": true }')
    return project
  }

  /**
   * The folder `ecosystem`, with its packages from the registry as its lock file says, and this one as `express-session`.
   * Peers are as its `package.json` says, so that nothing brings the other express-session.
   */
  ecosystem(): Project {
    const root = mkdtempSync(join(this.folder, 'ecosystem-'))
    const source = fileURLToPath(new URL('ecosystem', import.meta.url))
    cpSync(source, root, { recursive: true, filter: (path) => !path.endsWith('node_modules') })
    const project = new Project(root)
    const quietly = ['--legacy-peer-deps', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    run('npm', ['ci', ...quietly], root)
    run('npm', ['install', ...quietly, `express-session@file:${this.tarball}`], root)
    return project
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class Project {
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.root, file), text)
  }

  /** Writes and runs a program. */
  node(file: string, text: string): string {
    this.write(file, text)
    return run(process.execPath, [file], this.root).trim()
  }

  /** Runs a program of the project. */
  run(command: string, ...given: string[]): string {
    return run(command, given, this.root).trim()
  }

  /**
   * Checks types.
   * @param compiler where TypeScript is; the repository's own when not given
   * @throws Error with what the compiler says
   */
  check(files: Readonly<Record<string, string>>, options: object = {}, compiler = join(MODULES, 'typescript')): void {
    for (const [file, text] of Object.entries(files)) this.write(file, text)
    const compilerOptions = { strict: true, noEmit: true, module: 'nodenext', target: 'es2022', types: ['node', 'express'], ...options }
    this.write('tsconfig.json', JSON.stringify({ compilerOptions, files: Object.keys(files) }))
    run(process.execPath, [join(compiler, 'bin', 'tsc'), '-p', '.'], this.root)
  }
}

/** Whether a package is there to be tried. */
export function isInstalled(name: string): boolean {
  return readdirSync(MODULES).includes(name)
}
