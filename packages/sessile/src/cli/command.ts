import type { ParseArgsConfig } from 'node:util'

/** What a command writes to and reads from: the process, or a test. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  /** Where an answer is typed; without one, nobody can be asked. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
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

/** A failure that is told as a sentence, without a stack: what happened and what to do. */
export class Trouble extends Error {
  readonly exitCode: number

  /** @param exitCode 2 where something else has to be typed, 1 where it was tried and failed */
  constructor(message: string, exitCode = 2) {
    super(message)
    this.exitCode = exitCode
  }
}
