import { newTag } from './ids.ts'

/**
 * What is kept about a session beside its attributes, in the reserved member `"~"` of its text: short names, since every
 * record carries them.
 */
export interface Meta {
  /** Created at, epoch ms. */
  readonly c?: number
  /** Signed in (or confirmed) at, epoch ms. */
  readonly a?: number
  /** Its user is asked to confirm who he is, since then, epoch ms; until he has signed in or confirmed later. */
  readonly q?: number
  /** Got its present id at, epoch ms; absent when that was at its creation. */
  readonly r?: number
  /** The tag of the write this text is from: no two writes are alike (law 6). */
  readonly t?: string
  /** A lease (`leases.ts`): who holds it, and until when, epoch ms. */
  readonly k?: readonly [owner: string, until: number] | undefined
  /** In a marker, which stands under the old key after a renewal: the key it points to. */
  readonly n?: string
  /** In a marker: until when a load follows it, epoch ms (routine renewal); absent after a change of rights. */
  readonly o?: number
  /** In a marker: 1 when a commit under way may follow it. */
  readonly f?: 1
}

/** The text of a session apart from its meta. */
export interface SplitText {
  readonly text: string
  readonly meta: Meta
}

const NO_META: Meta = Object.freeze({})
const OPENING = ',"~":{'
const CREATED = '{"c":'
/** Of a meta with no more than a time of today's length. */
const USUAL_LENGTH = `${OPENING}"c":1700000000000}}`.length
const TAG = ',"t":"'
const QUOTE = 34
const DIGIT_0 = 48
const DIGIT_9 = 57

/**
 * Takes the reserved member off a stored text.
 * Our own writes put it last, so it is cut off without parsing; an older writer that kept it may have moved it.
 */
export function splitText(data: string): SplitText {
  const start = metaStart(data)
  if (start !== -1) return { text: textBefore(data, start), meta: metaAt(data, start) }
  if (!data.includes('"~":')) return { text: data, meta: NO_META }
  const parsed = JSON.parse(data) as Record<string, unknown>
  const meta = parsed['~']
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) return { text: data, meta: NO_META }
  delete parsed['~']
  return { text: JSON.stringify(parsed), meta: meta as Meta }
}

/** Where the meta of a text begins in which it is the last member; -1 where there is none there. */
export function metaStart(data: string): number {
  const usual = data.length - USUAL_LENGTH
  const start = data.startsWith(OPENING, usual) ? usual : data.lastIndexOf(OPENING)
  return start >= 0 && data.endsWith('}}') && data.indexOf('}', start) === data.length - 2 ? start : -1
}

/** The text without its meta. @param start as `metaStart` gives it */
export function textBefore(data: string, start: number): string {
  return `${data.slice(0, start)}}`
}

/** The meta. Nearly always it is a time, and perhaps a tag, which can be read without parsing. @throws SyntaxError */
export function metaAt(data: string, start: number): Meta {
  const from = start + OPENING.length - 1
  const end = data.length - 2
  if (data.startsWith(CREATED, from)) {
    let at = from + CREATED.length
    let c = 0
    for (let code = data.charCodeAt(at); code >= DIGIT_0 && code <= DIGIT_9; code = data.charCodeAt(++at)) c = c * 10 + code - DIGIT_0
    if (at === end && c > 0) return { c }
    const t = data.startsWith(TAG, at) && c > 0 ? data.slice(at + TAG.length, end - 1) : '"'
    if (/^[\w-]+$/.test(t) && data.charCodeAt(end - 1) === QUOTE) return { c, t }
  }
  return JSON.parse(data.slice(from, -1)) as Meta
}

/** The meta of a write that no other is like. */
export function tagged(meta: Meta): Meta {
  return { ...meta, t: newTag() }
}

/** Puts the meta in, as the last member. */
export function joinText(text: string, meta: Meta): string {
  const member = metaText(meta)
  if (member === '{}') return text
  return `${text.slice(0, -1)}${text === '{}' ? '' : ','}"~":${member}}`
}

function metaText(meta: Meta): string {
  const { c } = meta
  if (typeof c === 'number' && c > 0) {
    let more = 0
    for (const _ in meta) more++
    if (more === 1) return `{"c":${c}}`
    if (more === 2 && meta.t !== undefined) return `{"c":${c},"t":"${meta.t}"}`
  }
  return JSON.stringify(meta)
}
