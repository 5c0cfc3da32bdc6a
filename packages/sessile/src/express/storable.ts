import { SessionError } from '../core/errors.ts'

const PROTO_KEY = '"__proto__":'

/** The error for a session that JSON cannot hold. It says which attribute it is, and shows no value. */
export function unstorable(session: object, cause: unknown): SessionError {
  const why = cause instanceof Error ? cause.message.split('\n', 1)[0]! : 'its toJSON threw'
  return new SessionError('not-storable', `${placeOf(session)}: ${why}; what was stored before stays.`, cause)
}

/** The attribute that fails when it is tried alone. */
function placeOf(session: object): string {
  for (const name of Object.keys(session)) {
    if (name === 'cookie') continue
    try {
      JSON.stringify((session as Record<string, unknown>)[name])
    } catch {
      return `The attribute ${JSON.stringify(name.slice(0, 100))}`
    }
  }
  return 'The session itself'
}

/**
 * Refuses what must not reach a store, while whoever put it into the session can still be told: at the call, or in the answer.
 * @param text the attributes
 * @param before what they were at the start
 * @throws SessionError `not-storable`, `too-large`
 */
export function refuseUnstorable(text: string, before: string, maxBytes: number | undefined): void {
  refuseProtoKeys(text, before)
  // the record is larger by the cookie; what is between is refused when it is written
  if (maxBytes !== undefined && text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
    throw new SessionError('too-large', `It has more than the ${maxBytes} bytes that are allowed; what was stored before stays.`)
}

/**
 * Refuses a text with a key `__proto__` in it: code that copies such an object key by key changes the prototype of what it copies to.
 * @param before what the session was at the start; what is stored with such a key already may be stored again
 * @throws SessionError `not-storable`
 */
export function refuseProtoKeys(text: string, before: string): void {
  // a quote within a text is escaped, so this is a key and nothing else
  if (text.includes(PROTO_KEY) && !before.includes(PROTO_KEY)) {
    throw new SessionError('not-storable', 'It has a key __proto__, which is how prototypes are polluted; what was stored before stays.')
  }
}
