import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** So many bytes of a hash tell a password: of 10,000 others, one in a hundred million looks like one of them. */
const BYTES = 5

let known: ReadonlySet<string> | undefined

/**
 * Whether a password (lower case) is among the commonest that the rules would let through: all of 15 characters and more in the public
 * list of the million commonest of ten million passwords that got out (M. Burnett, 2015, public domain). `common-passwords.txt` holds
 * the beginnings of their hashes: many of them are not fit to be read.
 */
export function isKnownPassword(password: string): boolean {
  known ??= readHashes(readFileSync(join(import.meta.dirname, 'common-passwords.txt'), 'ascii'))
  return known.has(shortHashOf(password))
}

/** How many there are. */
export function knownPasswords(): number {
  isKnownPassword('')
  return known!.size
}

/** The text of `common-passwords.txt`, made of a list with a password on each line. */
export function hashesOf(list: string, minLength: number): string {
  const passwords = list.split(/\r?\n/).map((line) => line.normalize('NFC').toLowerCase())
  const hashes = new Set(passwords.filter((password) => [...password].length >= minLength).map(shortHashOf))
  const bytes = Buffer.concat([...hashes].sort().map((hash) => Buffer.from(hash, 'hex')))
  return bytes.toString('base64').replace(/.{120}/g, '$&\n')
}

function readHashes(text: string): Set<string> {
  const bytes = Buffer.from(text, 'base64')
  const hashes = new Set<string>()
  for (let i = 0; i < bytes.length; i += BYTES) hashes.add(bytes.toString('hex', i, i + BYTES))
  return hashes
}

function shortHashOf(password: string): string {
  return createHash('sha256')
    .update(password)
    .digest('hex')
    .slice(0, BYTES * 2)
}
