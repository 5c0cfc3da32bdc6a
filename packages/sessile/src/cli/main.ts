import { parseArgs } from 'node:util'
import { stayAlive } from '../core/clock.ts'
import { isSessionError } from '../core/errors.ts'
import { audit } from './audit.ts'
import { type Command, type OptionValues, type Terminal, Trouble } from './command.ts'
import { dashboard } from './dashboard.ts'
import { list } from './list.ts'
import { migrate } from './migrate.ts'
import { policy } from './policy.ts'
import { Progress } from './progress.ts'
import { revoke } from './revoke.ts'
import { show } from './show.ts'
import { stats } from './stats.ts'
import { withoutPasswords } from './store.ts'
import { sweep } from './sweep.ts'
import { watch } from './watch.ts'

/** Every command by its name. */
export const COMMANDS: Readonly<Record<string, Command>> = { list, show, revoke, stats, watch, sweep, migrate, audit, policy, dashboard }

/**
 * The `sessile` command.
 * @param args what follows the program's name
 * @param version the package's
 * @returns the exit code: 0 fine, 1 something was found or failed, 2 it was not understood
 */
export async function main(args: readonly string[], terminal: Terminal, version = 'unknown'): Promise<number> {
  const [name, ...rest] = args
  if (name === '--version' || name === '-v') {
    terminal.stdout.write(`${version}\n`)
    return 0
  }
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const about = name === 'help' && rest[0] !== undefined ? commandOf(rest[0]) : undefined
    if (name === 'help' && rest[0] !== undefined && !about) return failed(terminal, unknown(rest[0]), 2)
    terminal.stdout.write(about?.help ?? overview())
    return name === undefined ? 2 : 0
  }
  const command = commandOf(name)
  if (!command) return failed(terminal, unknown(name), 2)
  const leave = stayAlive()
  try {
    const { values, positionals } = parsed(name, rest, command)
    if (values['help']) {
      terminal.stdout.write(command.help)
      return 0
    }
    return await command.run(positionals, values, terminal)
  } catch (error) {
    Progress.endAll()
    if (error instanceof Trouble) return failed(terminal, error.message, error.exitCode)
    // what a store or driver says may hold its URL
    if (isSessionError(error))
      return failed(terminal, withoutPasswords(error.message, rest, terminal.env), error.code === 'unknown-store' ? 2 : 1)
    throw error
  } finally {
    leave()
  }
}

function commandOf(name: string): Command | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
}

/** Longer than any option of ours: a handle that begins with a hyphen. */
const HANDLE = /^-[\w-]{23,}$/

function parsed(name: string, given: string[], command: Command): { values: OptionValues; positionals: string[] } {
  const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const
  const end = given.includes('--') ? [] : ['--']
  const args = [...given.filter((arg) => !HANDLE.test(arg)), ...end, ...given.filter((arg) => HANDLE.test(arg))]
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    const { code, message } = error as Error & { code?: string }
    // what follows speaks of arguments that begin with a hyphen, which no command takes
    const said = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? `${message.split('. ', 1)[0]}.` : message
    throw new Trouble(`${said}\nsessile ${name} --help tells what it takes.`)
  }
}

function unknown(name: string): string {
  return `There is no command ${JSON.stringify(name)}. Commands: ${Object.keys(COMMANDS).join(', ')}.`
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `sessile COMMAND [STORE] [OPTIONS]

${lines.join('\n')}

sessile help COMMAND tells the options of one, with examples; sessile --version tells the version.
`
}

function failed(terminal: Terminal, message: string, code: number): number {
  terminal.stderr.write(`${message.trimEnd()}\n`)
  return code
}
