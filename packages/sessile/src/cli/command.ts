import type { ParseArgsConfig } from 'node:util'

/** What a command writes to and reads from: the process, or a test. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean | undefined }
  readonly stderr: { write(text: string): unknown }
  readonly env: Readonly<Record<string, string | undefined>>
}

export type OptionValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

/** One command of `sessile`. */
export interface Command {
  /** One line, for the list of commands. */
  readonly summary: string
  /** The text of `sessile COMMAND --help`. */
  readonly help: string
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** @returns the exit code. @throws Trouble */
  run(positionals: readonly string[], values: OptionValues, terminal: Terminal): Promise<number>
}

/** A failure that is told as a sentence, without a stack: what happened and what to do. The exit code is 2. */
export class Trouble extends Error {}
