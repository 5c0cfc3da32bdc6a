import type { SessionResponse } from './types.ts'

/**
 * Sets the headers that were given to `writeHead`, so that those set later come after them, and the status.
 * @returns what is left to hand on: the status, and its text if it was given
 * @throws TypeError for a list of odd length, as Node does
 */
export function mergeHeadArguments(res: SessionResponse, given: readonly unknown[]): unknown[] {
  const [status, second] = given
  const headers = typeof second === 'string' ? given[2] : (second ?? given[2])
  res.statusCode = status as number
  if (Array.isArray(headers)) setList(res, headers as unknown[])
  else if (headers) {
    for (const [name, value] of Object.entries(headers as Record<string, string>)) {
      if (name) res.setHeader(name, value)
    }
  }
  return typeof second === 'string' ? [status, second] : [status]
}

/** Either pairs, or names and values in turn. A name that comes twice is sent twice. */
function setList(res: SessionResponse, list: readonly unknown[]): void {
  const flat = Array.isArray(list[0]) ? (list as unknown[][]).flatMap((pair) => [pair[0], pair[1]]) : list
  if (flat.length % 2 !== 0) throw new TypeError('headers array is malformed')
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at]) res.removeHeader(flat[at] as string)
  }
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at]) res.appendHeader(flat[at] as string, flat[at + 1] as string)
  }
}
