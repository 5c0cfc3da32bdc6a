import { isKnownPassword } from './common-passwords.ts'

/** Code points after NFC. With the password as the only factor 15 is the least (NIST SP 800-63B-4, 3.1.1.2). */
const MIN_LENGTH = 15
const MAX_LENGTH = 256

/**
 * The form in which a password is hashed and compared: two ways of typing one accented letter are one password. Nothing
 * is trimmed, folded or cut off.
 */
export function normalised(password: string): string {
  return password.normalize('NFC')
}

/**
 * What is wrong with a new password, in words that can stand beside its field; `undefined` when nothing is. There are no
 * rules about kinds of characters: length, and that it is not among the first that anyone would try.
 * @param about what is known of the account: its name, its email
 */
export function faultOf(password: string, about: readonly string[] = []): string | undefined {
  const text = normalised(password)
  const length = [...text].length
  if (length < MIN_LENGTH) return `must be at least ${MIN_LENGTH} characters long`
  if (length > MAX_LENGTH) return `must be at most ${MAX_LENGTH} characters long`
  const lower = text.toLowerCase()
  const own = wordsOf(about)
  if (own.includes(lower) || (isMadeOf(lower, own) && !isMadeOf(lower, []))) return 'must not be made of your own name or email'
  if (isCommon(lower)) return 'is too common: many people have it, so it is among the first to be tried'
  return undefined
}

/** What is known of an account, and the parts of its email; what is shorter than a word is in many good passwords. */
function wordsOf(about: readonly string[]): string[] {
  const words = about.map((word) => word.normalize('NFC').toLowerCase())
  return words.flatMap((word) => [word, ...(word.includes('@') ? word.split('@') : [])]).filter((word) => word.length >= 3)
}

/** What this site is called. */
const SITE = ['sessile', 'shop']

/** The words that common passwords are made of, with numbers and runs around them. */
const STEMS = `
  password passwort passwd secret letmein login welcome hello admin administrator root user guest test testing default changeme
  qwerty qwertz azerty iloveyou love princess sunshine dragon monkey football baseball basketball soccer superman batman master
  shadow michael jordan jennifer charlie thomas daniel andrew jessica ashley trustno1 starwars pokemon computer internet whatever
  freedom summer winter spring autumn monday friday january september november december flower cheese cookie chocolate hunter
  killer ginger pepper mustang ferrari liverpool arsenal chelsea blink linkedin facebook google samsung minecraft
`
  .trim()
  .split(/\s+/)

const RUNS = [
  '01234567890123456789',
  'abcdefghijklmnopqrstuvwxyz',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'azertyuiop'
].flatMap((run) => [run, [...run].reverse().join('')])

/** What people write for a letter. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  0: 'o',
  1: 'il',
  3: 'e',
  4: 'a',
  5: 's',
  7: 't',
  '@': 'a',
  $: 's',
  '!': 'i'
}

/** Whether a password (lower case) is made of nothing but one common word, however often, runs and one short number. */
function isCommon(password: string): boolean {
  // One that is the same again and again is as easily tried as that one.
  const unit = /^(.{3,}?)\1+$/.exec(password)?.[1] ?? password
  return isKnownPassword(password) || isMadeOf(unit, SITE) || STEMS.some((stem) => isMadeOf(unit, [stem]))
}

/** @param words that may be in it, any of them, however often */
function isMadeOf(password: string, words: readonly string[]): boolean {
  // One walk from each place that can be reached, with and without the short number used up: each is looked at once.
  const seen = new Set<string>()
  const reach = (at: number, numberUsed: boolean): boolean => {
    if (at === password.length) return true
    const place = `${at} ${numberUsed}`
    if (seen.has(place)) return false
    seen.add(place)
    if (words.some((word) => startsWithStem(password, at, word) && reach(at + word.length, numberUsed))) return true
    if (runsAt(password, at).some((length) => reach(at + length, numberUsed))) return true
    const number = numberUsed ? null : /^\d{1,4}/.exec(password.slice(at, at + 4))
    if (number && reach(at + number[0].length, true)) return true
    return /^[ !-/:-@[-`{-~]/.test(password[at]!) && reach(at + 1, numberUsed)
  }
  return reach(0, false)
}

function startsWithStem(password: string, at: number, stem: string): boolean {
  for (let i = 0; i < stem.length; i++) {
    const typed = password[at + i]
    if (typed === undefined || (typed !== stem[i] && !LOOKALIKES[typed]?.includes(stem[i]!))) return false
  }
  return true
}

/** The lengths (3 and more) of runs such as `1234`, `cba`, `qwert`, `1111` or `2020` that begin at a place, the longest first. */
function runsAt(password: string, at: number): number[] {
  const rest = password.slice(at)
  let longest = /^(\d{1,3}?)\1{2,}/.exec(rest)?.[0].length ?? 0
  for (let length = 3; length <= rest.length && RUNS.some((run) => run.includes(rest.slice(0, length))); length++) {
    longest = Math.max(longest, length)
  }
  return Array.from({ length: Math.max(0, longest - 2) }, (_, i) => longest - i)
}
