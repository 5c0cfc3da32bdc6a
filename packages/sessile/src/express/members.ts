import { isReservedIn } from './session.ts'

const QUOTE = 34
const COMMA = 44
const DIGIT_0 = 48
const DIGIT_9 = 57
const COLON = 58
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN = 123
const CLOSE = 125
/** From here on searching for a string's end natively is faster than looking at each character. */
const LONG = 24

/** Numbers for each member: where its name begins, where its value begins, and where that ends. */
export const PER_MEMBER = 3

/**
 * Where the members of an object stand in its JSON text, found without parsing them.
 * @param from the first member's quote, or the closing brace
 * @returns `undefined` for a text that is to be parsed instead: with space around its names, an escape in a name, a name that a
 * session has itself or that is a number (objects put those first), or broken
 */
export function membersOf(text: string, from: number): number[] | undefined {
  const found: number[] = []
  const last = text.length - 1
  if (text.charCodeAt(last) !== CLOSE) return undefined
  let at = from
  if (at === last) return found
  for (;;) {
    if (text.charCodeAt(at) !== QUOTE) return undefined
    const name = ++at
    const first = text.charCodeAt(at)
    if (first >= DIGIT_0 && first <= DIGIT_9) return undefined
    for (let code = first; code !== QUOTE; code = text.charCodeAt(++at)) {
      if (code === BACKSLASH || at >= last) return undefined
    }
    if (text.charCodeAt(at + 1) !== COLON || isReservedIn(text, name, at)) return undefined
    const value = at + 2
    at = valueEnd(text, value)
    if (at === -1 || at === value) return undefined
    found.push(name, value, at)
    if (at === last) return found
    if (text.charCodeAt(at) !== COMMA) return undefined
    at++
  }
}

function valueEnd(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at + 1)
      if (at === -1) return -1
    } else if (code === OPEN || code === OPEN_LIST) depth++
    else if (code === CLOSE || code === CLOSE_LIST) {
      if (depth === 0) return at
      depth--
    } else if (code === COMMA && depth === 0) return at
  }
  return -1
}

/** Where the closing quote is. */
function stringEnd(text: string, from: number): number {
  let at = from
  for (const near = from + LONG; at < near; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at++
  }
  for (;;) {
    const end = text.indexOf('"', at)
    if (end === -1) return -1
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
    at = end + 1
  }
}
