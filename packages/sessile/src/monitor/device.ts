import { BROWSER_MAP, parse } from 'bowser'

const UNKNOWN = 'Unknown device'
/** Nobody's browser says more; what is longer is cut before any pattern looks at it. */
const MAX_LENGTH = 512
const MAX_KNOWN = 1000
const known = new Map<string, string>()
/** Where bowser knows no browser it repeats the first word of what the client wrote; only names of its own list are shown. */
const NAMES: ReadonlySet<string | undefined> = new Set(Object.values(BROWSER_MAP))

function inWords(userAgent: string): string {
  const { browser, os } = parse(userAgent)
  if (!NAMES.has(browser.name) || !os.name) return UNKNOWN
  return `${browser.name!.replace(/ for Android$/, '')} on ${os.name}`
}

/**
 * A user agent in words: `Chrome on Linux`, or `Unknown device` where it names no browser or no system.
 * Made of names from a fixed list, so it can be shown without fear of what a client wrote.
 */
export function deviceOf(userAgent: string | undefined): string {
  if (!userAgent) return UNKNOWN
  const text = userAgent.slice(0, MAX_LENGTH)
  const present = known.get(text)
  if (present !== undefined) return present
  const device = inWords(text)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(text, device)
  return device
}
