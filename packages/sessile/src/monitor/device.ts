import { BROWSER_MAP, parse } from 'bowser'

const UNKNOWN = 'Unknown device'
/** Nobody's browser says more; what is longer is cut before any pattern looks at it. */
const MAX_LENGTH = 512
const MAX_KNOWN = 1000
const known = new Map<string, Device>()
/** Where bowser knows no browser it repeats the first word of what the client wrote; only names of its own list are shown. */
const NAMES: ReadonlySet<string | undefined> = new Set(Object.values(BROWSER_MAP))
const PROGRAMS = /bot\b|crawl|spider|slurp|curl\/|wget\/|python-requests|httpclient|headless|monitor/i

/** Of what kind a device is. */
export const DEVICE_CLASSES = ['desktop', 'mobile', 'tablet', 'tv', 'bot', 'unknown'] as const
export type DeviceClass = (typeof DEVICE_CLASSES)[number]

interface Device {
  readonly name: string
  readonly kind: DeviceClass
}

export function isDeviceClass(value: unknown): value is DeviceClass {
  return DEVICE_CLASSES.includes(value as DeviceClass)
}

function inWords(userAgent: string): Device {
  const { browser, os, platform } = parse(userAgent)
  const name = !NAMES.has(browser.name) || !os.name ? UNKNOWN : `${browser.name!.replace(/ for Android$/, '')} on ${os.name}`
  if (PROGRAMS.test(userAgent)) return { name, kind: 'bot' }
  return { name, kind: isDeviceClass(platform.type) ? platform.type : 'unknown' }
}

function look(userAgent: string | undefined): Device {
  if (!userAgent) return { name: UNKNOWN, kind: 'unknown' }
  const text = userAgent.slice(0, MAX_LENGTH)
  const present = known.get(text)
  if (present !== undefined) return present
  const device = inWords(text)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(text, device)
  return device
}

/**
 * A user agent in words: `Chrome on Linux`, or `Unknown device` where it names no browser or no system.
 * Made of names from a fixed list, so it can be shown without fear of what a client wrote.
 */
export function deviceOf(userAgent: string | undefined): string {
  return look(userAgent).name
}

/** What kind of device a user agent names; programs that say so are `bot`. */
export function deviceClassOf(userAgent: string | undefined): DeviceClass {
  return look(userAgent).kind
}
