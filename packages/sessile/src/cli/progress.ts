import { Presets, SingleBar } from 'cli-progress'
import type { Terminal } from './command.ts'

/** How far long work is, on the error output of somebody who looks; elsewhere nothing is printed. */
export class Progress {
  static readonly #shown = new Set<Progress>()
  readonly #bar: SingleBar | undefined
  readonly #total: number | undefined
  #at = 0

  /** @param total where it is known how much there is */
  constructor({ stderr }: Terminal, what: string, total?: number) {
    this.#total = total
    if (stderr.isTTY !== true) return
    const format = total === undefined ? `${what} {value}` : `${what} {bar} {percentage} % | {value} of {total} | {eta_formatted}`
    const stream = stderr as unknown as NodeJS.WritableStream
    this.#bar = new SingleBar({ format, stream, clearOnComplete: true, hideCursor: true, etaBuffer: 100 }, Presets.shades_classic)
    this.#bar.start(total ?? 0, 0)
    Progress.#shown.add(this)
  }

  step(by = 1): void {
    this.to(this.#at + by)
  }

  to(at: number): void {
    this.#at = at
    if (!this.#bar) return
    if (this.#total !== undefined && at > this.#total) this.#bar.setTotal(at)
    this.#bar.update(at)
  }

  /** Takes the bar away. */
  end(): void {
    this.#bar?.stop()
    Progress.#shown.delete(this)
  }

  /** Takes all bars away: one that was left by an error would go on for ever. */
  static endAll(): void {
    for (const progress of Progress.#shown) progress.end()
  }
}
