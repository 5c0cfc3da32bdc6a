import Table from 'cli-table3'
import { styleText } from 'node:util'
import { now } from '../core/clock.ts'
import type { Terminal } from './command.ts'

const NONE = ''
const PLAIN = {
  top: NONE,
  'top-mid': NONE,
  'top-left': NONE,
  'top-right': NONE,
  bottom: NONE,
  'bottom-mid': NONE,
  'bottom-left': NONE,
  'bottom-right': NONE,
  left: NONE,
  'left-mid': NONE,
  mid: NONE,
  'mid-mid': NONE,
  right: NONE,
  'right-mid': NONE,
  middle: '  '
}

/** A table as text, a line each; the head in bold on a terminal. */
export function table({ stdout, env }: Terminal, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const bold = (text: string) => (stdout.isTTY === true && !env['NO_COLOR'] ? styleText('bold', text, { validateStream: false }) : text)
  const made = new Table({ chars: PLAIN, style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] } })
  made.push(head.map(bold), ...rows.map((row) => row.map(printable)))
  return `${made
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}

/** Text of a store without what a terminal would obey. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '\u00b7')
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

const STEPS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000]
] as const

/** How long: `3d`, `27m`. */
export function span(ms: number): string {
  const [unit, step] = STEPS.find(([, least]) => ms >= least) ?? ['s', 1000]
  return `${Math.floor(ms / step)}${unit}`
}

/** A time from now: `3m ago`, `in 27m`. */
export function fromNow(time: number | undefined, none = '-'): string {
  if (time === undefined) return none
  const ms = time - now()
  return ms <= 0 ? `${span(-ms)} ago` : `in ${span(ms)}`
}

/** A time, and how far it is from now. */
export function exactly(time: number | undefined, none: string): string {
  return time === undefined ? none : `${new Date(time).toISOString()} (${fromNow(time)})`
}

export function bytes(size: number): string {
  return size < 10_000 ? `${size} B` : size < 10_000_000 ? `${Math.round(size / 1000)} kB` : `${Math.round(size / 1_000_000)} MB`
}

/** `1 session`, `2 sessions`. */
export function counted(count: number, what = 'session'): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
