/**
 * A key of Redis holds text and nothing else, so whose a record is stands in the text itself: as a last member of the reserved
 * `"~"`, where older writers keep it without showing it, or beside it where there is none. It is cut off before anybody above
 * sees the text, and without parsing that.
 */

/** Whose a record is, and until when the user's index names it without being written again (epoch s). */
export interface Owner {
  readonly userId: string
  readonly indexedUntil: number
}

/** A stored text apart from its owner. */
export interface OwnedText {
  readonly data: string
  readonly owner: Owner | undefined
}

const RESERVED = ',"~":{'
const MEMBER = '"~u":'

/** Puts the owner in. What is no JSON object stays as it is, and is nobody's. */
export function withOwner(data: string, owner: Owner | undefined): string {
  if (!owner || !data.endsWith('}')) return data
  const member = `${MEMBER}${JSON.stringify([owner.userId, owner.indexedUntil])}`
  const start = data.lastIndexOf(RESERVED)
  const closing = data.length - 2
  if (start >= 0 && data.endsWith('}}') && data.indexOf('}', start) === closing) {
    return `${data.slice(0, closing)}${closing === start + RESERVED.length ? '' : ','}${member}}}`
  }
  return `${data.slice(0, -1)}${data === '{}' ? '' : ','}${member}}`
}

/** Takes the owner out. */
export function splitOwner(stored: string): OwnedText {
  // our own texts have it at their end; what an older writer wrote over may have it anywhere
  const start = stored.lastIndexOf(RESERVED)
  const at = stored.lastIndexOf(MEMBER)
  if (at < Math.max(0, start)) return { data: stored, owner: undefined }
  const inside = start >= 0 && stored.indexOf('}', start) > at
  const closing = stored.length - (inside ? 2 : 1)
  const owner = ownerOf(parsed(stored.slice(at + MEMBER.length, closing)))
  if (!owner) return splitParsed(stored)
  const end = stored[at - 1] === ',' ? at - 1 : at
  return { data: stored.slice(0, end) + stored.slice(closing), owner }
}

/** As `splitOwner`, for texts that an older writer put together anew. */
function splitParsed(stored: string): OwnedText {
  const session = parsed(stored) as Record<string, unknown> | undefined
  for (const place of [session?.['~'], session]) {
    if (typeof place !== 'object' || place === null) continue
    const owner = ownerOf((place as Record<string, unknown>)['~u'])
    if (!owner) continue
    delete (place as Record<string, unknown>)['~u']
    return { data: JSON.stringify(session), owner }
  }
  return { data: stored, owner: undefined }
}

function ownerOf(value: unknown): Owner | undefined {
  if (!Array.isArray(value) || typeof value[0] !== 'string' || typeof value[1] !== 'number') return undefined
  return { userId: value[0], indexedUntil: value[1] }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
