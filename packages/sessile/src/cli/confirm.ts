import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import { type Terminal, Trouble } from './command.ts'

/** Asks whoever sits at the terminal. @throws Trouble where nobody can be asked */
export async function confirmed(terminal: Terminal, question: string, yes: boolean): Promise<boolean> {
  if (yes) return true
  const { stdin, stderr } = terminal
  if (!stdin?.isTTY || stderr.isTTY !== true)
    throw new Trouble(`${question} Nobody can be asked here: say it with --yes, or look first with --dry-run.`)
  const lines = createInterface({ input: stdin, output: stderr as unknown as NodeJS.WritableStream })
  // Ctrl-C and Ctrl-D close it, which is no yes
  const closed = once(lines, 'close').then(() => '')
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `).catch(() => ''), closed])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}
