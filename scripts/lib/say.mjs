// What the scripts say: one line per step, and a way to end with a sentence that tells what to do.

const prefix = process.stderr.isTTY ? '\x1b[36m›\x1b[0m' : '›'

/** Tells what is being done, on stderr, so that stdout stays with the program that is started. */
export function say(text) {
  process.stderr.write(`${prefix} ${text}\n`)
}

/** A failure that is told as a sentence, without a stack: what happened and what to do. */
export class Trouble extends Error {
  constructor(message, exitCode = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

/** Seconds since `start` (of `process.hrtime.bigint()`), as `1.2 s`. */
export function since(start) {
  return `${(Number(process.hrtime.bigint() - start) / 1e9).toFixed(1)} s`
}

/**
 * Runs a script: prints `help` for --help, and turns `Trouble` into its sentence and exit code.
 * @param {string} help the text of --help
 * @param {(args: string[]) => Promise<number | undefined>} main gets the arguments; answers with the exit code (0 when undefined)
 */
export async function script(help, main) {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help.endsWith('\n') ? help : `${help}\n`)
    return
  }
  try {
    process.exitCode = (await main(args)) ?? 0
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    process.stderr.write(`\n${error.message}\n`)
    process.exitCode = error.exitCode
  }
}
