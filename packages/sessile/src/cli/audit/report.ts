import { ITEMS } from './items.ts'

/** Something that should be otherwise. */
export interface Finding {
  readonly item: number
  readonly title: string
  readonly source: string
  readonly level: string
  /** What was seen, and where. Holds no whole id. */
  readonly evidence: string
  readonly why: string
  readonly fix: string
}

/** What one audit found. */
export interface Report {
  readonly url: string
  readonly cookie: string
  readonly requests: number
  readonly findings: readonly Finding[]
  /** Items that were looked at and are fine. */
  readonly passed: readonly number[]
  /** Items that could not be looked at, and why. */
  readonly skipped: readonly { readonly item: number; readonly title: string; readonly reason: string }[]
}

/** Gathers what the checks see. An item that nobody found fault with, or skipped, has passed. */
export class Notes {
  readonly #findings: Finding[] = []
  readonly #skipped = new Map<number, string>()
  readonly #looked = new Set<number>()

  looked(...items: number[]): void {
    for (const item of items) this.#looked.add(item)
  }

  found(item: number, evidence: string): void {
    this.#looked.add(item)
    this.#findings.push({ item, ...ITEMS[item]!, evidence })
  }

  skip(items: readonly number[], reason: string): void {
    for (const item of items) this.#skipped.set(item, reason)
  }

  report(url: string, cookie: string, requests: number, ignored: ReadonlySet<number>): Report {
    const findings = this.#findings.filter(({ item }) => !ignored.has(item)).sort((one, other) => one.item - other.item)
    const faulty = new Set(this.#findings.map(({ item }) => item))
    const passed = [...this.#looked].filter((item) => !faulty.has(item) && !this.#skipped.has(item)).sort((one, other) => one - other)
    const skipped = [...this.#skipped, ...[...ignored].map((item) => [item, 'you said to ignore it'] as const)]
      .filter(([item]) => Object.hasOwn(ITEMS, item) && (ignored.has(item) || !faulty.has(item)))
      .map(([item, reason]) => ({ item, title: ITEMS[item]!.title, reason }))
    return { url, cookie, requests, findings, passed, skipped: skipped.sort((one, other) => one.item - other.item) }
  }
}

const WIDTH = 100

/** The report as people read it. */
export function printed(report: Report, colour: boolean): string {
  const { url, cookie, requests, findings, passed, skipped } = report
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const lines = [`${url}, session cookie ${cookie}, ${requests} requests`, '']
  for (const { item, title, source, level, evidence, why, fix } of findings) {
    lines.push(paint(31, `✗ ${item}. ${title}`) + paint(2, `  (${source}; level ${level})`))
    lines.push(...wrapped('seen', evidence), ...wrapped('why', why), ...wrapped('fix', fix), '')
  }
  if (skipped.length > 0) {
    lines.push('Not looked at:', ...skipped.map(({ item, title, reason }) => paint(2, `- ${item}. ${title}: ${reason}`)), '')
  }
  lines.push(
    findings.length === 0
      ? paint(32, `Nothing found; ${passed.length} items are fine.`)
      : `${findings.length} found, ${passed.length} items are fine.`
  )
  return `${lines.join('\n')}\n`
}

/** A labelled paragraph, indented. */
function wrapped(label: string, text: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.length - 1
    if (lines[last]!.length + word.length < WIDTH) lines[last] += `${lines[last] === '' ? '' : ' '}${word}`
    else lines.push(word)
  }
  return lines.map((line, n) => `  ${(n === 0 ? label : '').padEnd(5)}${line}`)
}
