import { SessionError } from './errors.ts'

/** A duration: milliseconds, or text such as `500ms`, `30s`, `15m`, `8h`, `7d`. */
export type Duration = number | string

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Turns a duration into milliseconds.
 * @param name the option's name, for the message
 * @throws SessionError `bad-option` when it is neither a number of ms above 0 nor text that is understood
 */
export function milliseconds(name: string, value: Duration): number {
  if (typeof value === 'number' && value > 0) return value
  const parts = typeof value === 'string' ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value.trim()) : null
  const ms = parts ? Number(parts[1]) * UNITS[parts[2]!]! : 0
  if (ms > 0) return ms
  throw new SessionError(
    'bad-option',
    `${name} must be a number of milliseconds above 0 or text like '30m', '8h' or '7d', not ${JSON.stringify(value)}.`
  )
}

/** As `milliseconds`, where `undefined` means "not given". */
export function optionalMilliseconds(name: string, value: Duration | undefined): number | undefined {
  return value === undefined ? undefined : milliseconds(name, value)
}

/**
 * Defaults overlaid with what was given, frozen. `undefined` counts as not given; what was given is not changed.
 * @throws SessionError `bad-option` on a name that is not among `known`
 */
export function resolveOptions<T extends object>(
  part: string,
  defaults: T,
  given: Partial<T> | undefined,
  known: readonly string[] = Object.keys(defaults)
): Readonly<T> {
  const resolved = { ...defaults } as Record<string, unknown>
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!known.includes(name))
      throw new SessionError('bad-option', `${part} has no option ${JSON.stringify(name)}; it knows ${known.join(', ')}.`)
    if (value !== undefined) resolved[name] = value
  }
  return Object.freeze(resolved) as unknown as Readonly<T>
}
