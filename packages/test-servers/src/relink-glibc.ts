/**
 * relink-glibc: lets a prebuilt ELF file that asks for a slightly newer glibc run on this one.
 *
 * A binary built on a newer distribution often needs the newer glibc for a handful of symbols only,
 * and for most of those an older symbol with the same behaviour has always been there:
 *
 *   __isoc23_strtol@GLIBC_2.38  -> strtol@GLIBC_2.2.5   (C23 adds the 0b prefix, nothing else)
 *   fmod@GLIBC_2.38             -> fmod@GLIBC_2.2.5     (the new one only stopped setting errno)
 *
 * So no other glibc is brought along. The record "this file needs version GLIBC_2.38" is pointed at the
 * oldest version that the file needs anyway, and a renamed symbol at its old name (which is a suffix of
 * the new one, so the string table stays as it is). The one libstdc++ symbol that GCC 13 adds to say
 * "iostream was included" is never called; it is made weak, that is: allowed to be absent. Everything
 * happens in a COPY; the file's size and layout do not change. A symbol without a known equivalent is
 * refused, by name, instead of guessed.
 *
 * Only ELF64 little-endian (x86-64, arm64), only a dynamically linked file with section headers.
 *
 *   relinkFile('in.so', 'out.so')                   // -> { changed, needs, patched: ['a -> b', ...] }
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** A glibc version: major, minor. */
type Glibc = readonly number[]

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly info: number
}

/** A version that the file asks another file for. */
interface NeededVersion {
  /** `libm.so.6` */
  readonly file: string
  /** `GLIBC_2.38` */
  readonly name: string
  readonly family: string
  readonly number: readonly number[]
  readonly index: number
  /** Where it is described. */
  readonly at: number
}

export interface Relinked {
  readonly changed: boolean
  /** The highest glibc it asked for. */
  readonly needs: string
  readonly patched: readonly string[]
}

const SHT_DYNSYM = 11
const SHT_GNU_VERNEED = 0x6ffffffe
const SHT_GNU_VERSYM = 0x6fffffff
const VER_FLG_WEAK = 2
const STB_WEAK = 2
const ISOC23 = '__isoc23_'
const IOSTREAM_MARK = '_ZSt21ios_base_library_initv'

/** Symbols that only got a new version for another errno behaviour; the oldest version computes the same. */
const SAME_AS_OLDEST = new Set(['fmod', 'fmodf', 'hypot', 'hypotf', 'exp', 'exp2', 'log', 'log2', 'pow'])

/** The file needs something that this system's glibc has no equivalent for. */
export class CannotRelink extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CannotRelink'
  }
}

/** This process's glibc as [major, minor], or undefined where the libc is another one. */
export function hostGlibc(): Glibc | undefined {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const { excludeNetwork = false } = report
  report.excludeNetwork = true // without it the report resolves host names, which is slow
  try {
    const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } }
    const version = header.glibcVersionRuntime
    return version?.split('.').slice(0, 2).map(Number)
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}

/**
 * Patches `elf` in place.
 * @param host the glibc to fit
 * @throws CannotRelink
 */
export function relink(elf: Buffer, host: Glibc | undefined = hostGlibc()): Relinked {
  if (!host) throw new CannotRelink('this system does not use glibc')
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46) throw new CannotRelink('not an ELF file')
  if (elf[4] !== 2 || elf[5] !== 1) throw new CannotRelink('not a 64-bit little-endian ELF file')

  const sections = readSections(elf)
  const dynsym = sections.find((s) => s.type === SHT_DYNSYM)
  const versym = sections.find((s) => s.type === SHT_GNU_VERSYM)
  const verneed = sections.find((s) => s.type === SHT_GNU_VERNEED)
  if (!dynsym || !versym || !verneed) return { changed: false, needs: 'none', patched: [] }

  const versions = readNeededVersions(elf, verneed, sections[verneed.link]!)
  const glibc = versions.filter((v) => v.family === 'GLIBC').sort(byNumber)
  const needs = glibc.at(-1)?.name ?? 'none'
  const tooNew = new Set(glibc.filter((v) => compareNumbers(v.number, host) > 0))
  if (tooNew.size === 0) return { changed: false, needs, patched: [] }

  const edits: (() => unknown)[] = []
  const refused: string[] = []
  const patched: string[] = []
  const byIndex = new Map(versions.map((v) => [v.index, v]))
  for (let i = 1; i < dynsym.size / 24; i++) {
    const version = byIndex.get(elf.readUInt16LE(versym.offset + i * 2) & 0x7fff)
    if (!version) continue
    const symbolAt = dynsym.offset + i * 24
    const nameAt = elf.readUInt32LE(symbolAt)
    const name = textAt(elf, sections[dynsym.link]!, nameAt)
    const wanted = `${name}@${version.name}`
    if (name === IOSTREAM_MARK) {
      tooNew.add(version)
      edits.push(() => elf.writeUInt8((STB_WEAK << 4) | (elf[symbolAt + 4]! & 15), symbolAt + 4))
      patched.push(`${wanted} -> may be absent`)
    } else if (!tooNew.has(version)) {
      continue
    } else if (name.startsWith(ISOC23)) {
      edits.push(() => elf.writeUInt32LE(nameAt + ISOC23.length, symbolAt))
      patched.push(`${wanted} -> ${name.slice(ISOC23.length)}`)
    } else if (SAME_AS_OLDEST.has(name)) {
      patched.push(`${wanted} -> its oldest version`)
    } else if (elf[symbolAt + 4]! >> 4 === STB_WEAK) {
      patched.push(`${wanted} -> may be absent`)
    } else {
      refused.push(wanted)
    }
  }
  for (const version of tooNew) {
    const older = versions.filter((v) => v.file === version.file && v.family === version.family && !tooNew.has(v)).sort(byNumber)[0]
    if (older) edits.push(() => copyVersion(elf, older, version))
    // No older one to ask for. Weak: where it is missing the loader says so on stderr, and goes on.
    else edits.push(() => elf.writeUInt16LE(elf.readUInt16LE(version.at + 4) | VER_FLG_WEAK, version.at + 4))
  }
  if (refused.length > 0) {
    throw new CannotRelink(`no equivalent in glibc ${host.join('.')} for: ${refused.join(', ')}`)
  }
  for (const edit of edits) edit()
  return { changed: true, needs, patched }
}

/** Copies `from` to `to` (atomically, keeping its mode), relinked for this system. */
export function relinkFile(from: string, to: string, host: Glibc | undefined = hostGlibc()): Relinked {
  const elf = readFileSync(from)
  const result = relink(elf, host)
  const temporary = `${to}.${process.pid}.tmp`
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(temporary, elf, { mode: statSync(from).mode & 0o777 })
  renameSync(temporary, to)
  return result
}

function readSections(elf: Buffer): Section[] {
  const table = Number(elf.readBigUInt64LE(40))
  const size = elf.readUInt16LE(58)
  const count = elf.readUInt16LE(60)
  if (table === 0 || count === 0) throw new CannotRelink('the file has no section headers')
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * size
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
      info: elf.readUInt32LE(at + 44)
    }
  })
}

function readNeededVersions(elf: Buffer, section: Section, strings: Section): NeededVersion[] {
  const found: NeededVersion[] = []
  for (let at = section.offset, files = section.info; files > 0; files--) {
    const file = textAt(elf, strings, elf.readUInt32LE(at + 4))
    for (let aux = at + elf.readUInt32LE(at + 8), n = elf.readUInt16LE(at + 2); n > 0; n--) {
      const name = textAt(elf, strings, elf.readUInt32LE(aux + 8))
      const [, family = name, digits = ''] = /^([A-Z]+)_([\d.]+)$/.exec(name) ?? []
      const number = digits.split('.').map(Number)
      found.push({ file, name, family, number, index: elf.readUInt16LE(aux + 6) & 0x7fff, at: aux })
      aux += elf.readUInt32LE(aux + 12)
    }
    at += elf.readUInt32LE(at + 12)
  }
  return found
}

/** Makes the record of `version` ask for `older`: its hash (offset 0) and its name (offset 8). */
function copyVersion(elf: Buffer, older: NeededVersion, version: NeededVersion): void {
  elf.writeUInt32LE(elf.readUInt32LE(older.at), version.at)
  elf.writeUInt32LE(elf.readUInt32LE(older.at + 8), version.at + 8)
}

function byNumber(one: NeededVersion, other: NeededVersion): number {
  return compareNumbers(one.number, other.number)
}

function compareNumbers(one: readonly number[], other: readonly number[]): number {
  return one[0]! - other[0]! || (one[1] ?? 0) - (other[1] ?? 0) || (one[2] ?? 0) - (other[2] ?? 0)
}

function textAt(elf: Buffer, strings: Section, offset: number): string {
  const start = strings.offset + offset
  return elf.toString('latin1', start, elf.indexOf(0, start))
}
