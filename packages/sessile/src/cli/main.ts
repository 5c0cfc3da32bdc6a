import { parseArgs } from 'node:util'
import { audit } from './audit.ts'
import { type Command, type OptionValues, type Terminal, Trouble } from './command.ts'
import { isSessionError } from '../core/errors.ts'
import { policy } from './policy.ts'

/** Every command by its name. */
const COMMANDS: Readonly<Record<string, Command>> = { audit, policy }

/**
 * The `sessile` command.
 * @param args what follows the program's name
 * @returns the exit code: 0 fine, 1 something was found, 2 it could not be done
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.stdout.write(overview())
    return name === undefined ? 2 : 0
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name]! : undefined
  if (!command) return failed(terminal, `There is no command ${JSON.stringify(name)}. Commands: ${Object.keys(COMMANDS).join(', ')}.`)
  try {
    const { values, positionals } = parsed(rest, command)
    if (values['help']) {
      terminal.stdout.write(command.help)
      return 0
    }
    return await command.run(positionals, values, terminal)
  } catch (error) {
    if (error instanceof Trouble || isSessionError(error)) return failed(terminal, error.message)
    throw error
  }
}

function parsed(args: string[], command: Command): { values: OptionValues; positionals: string[] } {
  try {
    const options = { ...command.options, help: { type: 'boolean', short: 'h' } } as const
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new Trouble(`${error instanceof Error ? error.message : String(error)}\n\n${command.help}`)
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length))
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
  return `sessile COMMAND [OPTIONS]\n\n${lines.join('\n')}\n\nsessile COMMAND --help tells the options of one.\n`
}

function failed(terminal: Terminal, message: string): number {
  terminal.stderr.write(`${message.trimEnd()}\n`)
  return 2
}
