import { posix } from 'node:path'
import { blank, importsOf, lineAt } from './source.ts'
import {
  CLOCK,
  type Exception,
  EXCEPTIONS,
  HTTP_MODULES,
  LAYERS,
  OWN_FOLDER,
  type Rule,
  SEES_HTTP,
  SHOP_ABOVE,
  SHOP_BELOW,
  TERMINAL
} from './table.ts'

/** Path from the repository's root, with forward slashes, to the file's text. */
export type Sources = ReadonlyMap<string, string>

/** One broken rule. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly rule: Rule
  readonly message: string
}

const PACKAGE = 'packages/sessile/src/'
const SHOP = 'apps/shop/src/'
const USERS = /^(apps\/[^/]+|examples)\//

/** What is wrong with these files, besides the exceptions of the table. */
export function problems(sources: Sources): Problem[] {
  return everyProblem(sources).filter((problem) => !isException(problem))
}

/** Exceptions of the table that nothing needs any more. */
export function staleExceptions(sources: Sources): string[] {
  const found = everyProblem(sources)
  return EXCEPTIONS.filter((exception) => !found.some((problem) => covers(exception, problem))).map(
    ({ file, rule }) => `${file}: no exception from "${rule}" is needed`
  )
}

/** As `file:line rule: message`. */
export function tell({ file, line, rule, message }: Problem): string {
  return `${file}:${line} ${rule}: ${message}`
}

function isException(problem: Problem): boolean {
  return EXCEPTIONS.some((exception) => covers(exception, problem))
}

function covers(exception: Exception, { file, rule }: Problem): boolean {
  const path = PACKAGE + exception.file
  return exception.rule === rule && (path.endsWith('/') ? file.startsWith(path) : file === path)
}

function everyProblem(sources: Sources): Problem[] {
  const found: Problem[] = []
  for (const [file, text] of sources) {
    if (file.startsWith(PACKAGE)) found.push(...ofPackage(file, text))
    else if (USERS.test(file)) found.push(...ofUsers(file, text))
  }
  return [...found, ...cycles(sources)]
}

function ofPackage(file: string, text: string): Problem[] {
  const path = file.slice(PACKAGE.length)
  const layer = path.split('/')[0] ?? ''
  const found: Problem[] = []
  const add = (line: number, rule: Rule, message: string): void => void found.push({ file, line, rule, message })
  const allowed = LAYERS[layer]
  if (!allowed) add(1, 'layers', `src/${layer} is not in the table of layers`)

  for (const { specifier, line } of importsOf(text)) {
    const target = resolve(file, specifier)
    if (target !== undefined) {
      if (!target.startsWith(PACKAGE)) add(line, 'layers', `"${specifier}" leaves src`)
      const other = target.slice(PACKAGE.length).split('/')[0] ?? ''
      if (allowed && other !== layer && !allowed.includes(other)) {
        add(line, 'layers', `${layer} may not import from ${other} ("${specifier}"); it sees ${allowed.join(', ') || 'nothing else'}`)
      }
      continue
    }
    if (HTTP_MODULES.includes(specifier) && !SEES_HTTP.includes(layer)) {
      add(line, 'http', `"${specifier}": only ${SEES_HTTP.join(', ')} know HTTP`)
    }
    const home = OWN_FOLDER[packageOf(specifier)]
    if (home !== undefined && !path.startsWith(`${home}/`)) add(line, 'driver', `"${specifier}" is named in src/${home} only`)
    if (/^(node:)?timers/.test(specifier) && path !== CLOCK) add(line, 'time', `"${specifier}": timers are set in ${CLOCK} only`)
  }

  const code = blank(text, true)
  const times = /\b(Date\.now|performance\.now|process\.hrtime|setTimeout|setInterval|setImmediate)\b|\bnew\s+Date\b(?!\s*\(\s*[^)\s])/g
  if (path !== CLOCK) {
    for (const match of code.matchAll(times)) {
      if (code[match.index - 1] === '.') continue // someone's method of that name
      add(lineAt(code, match.index), 'time', `${match[0]}: the time is read and timers are set in ${CLOCK} only`)
    }
  }
  if (layer !== TERMINAL) {
    for (const match of code.matchAll(/\bconsole\b(?=\s*[.[])/g)) {
      add(lineAt(code, match.index), 'console', `console belongs to ${TERMINAL} and to where warnings are printed`)
    }
  }
  if (layer === 'entries') {
    const rest = code.replace(
      /^\s*(import|export)\b[^'"]*?\bfrom\s*['"][^'"]*['"]|^\s*import\s*['"][^'"]*['"]|^\s*export\s*(type\s*)?\{[^}]*\}/gm,
      (match) => match.replace(/\S/g, ' ')
    )
    const other = rest.search(/\S/)
    if (other !== -1) add(lineAt(rest, other), 'entry', 'an entry only imports and exports; move this to the layer that it belongs to')
  }
  return found
}

function ofUsers(file: string, text: string): Problem[] {
  const found: Problem[] = []
  const own = USERS.exec(file)?.[0] ?? ''
  const part = shopPart(file)
  for (const { specifier, line } of importsOf(text)) {
    const add = (rule: Rule, message: string): void => void found.push({ file, line, rule, message })
    const target = resolve(file, specifier)
    if (target === undefined) {
      if (/^sessile\/(src|dist|index)\b/.test(specifier))
        add('published-name', `"${specifier}" reaches into the package; import a published name`)
      continue
    }
    if (!target.startsWith(own)) add('published-name', `"${specifier}" leaves ${own}; the package is imported as "sessile" alone`)
    const other = shopPart(target)
    if (part === undefined || other === undefined || part === other || SHOP_BELOW.includes(other) || SHOP_ABOVE.includes(part)) continue
    add('parts', `${part} may not import from ${other} ("${specifier}"); declare what is needed and let app.ts hand it in`)
  }
  return found
}

/** The folder of the shop that a file is in; `undefined` for the files beside them, which everyone may import. */
function shopPart(file: string): string | undefined {
  if (!file.startsWith(SHOP)) return undefined
  const [folder, ...rest] = file.slice(SHOP.length).split('/')
  return rest.length > 0 ? folder : undefined
}

function resolve(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** Files that load each other in a circle (imports of types only load nothing); each circle once, told where it closes. */
function cycles(sources: Sources): Problem[] {
  const found: Problem[] = []
  const state = new Map<string, 'open' | 'done'>()
  const path: string[] = []
  const visit = (file: string): void => {
    state.set(file, 'open')
    path.push(file)
    for (const { specifier, line, loads } of importsOf(sources.get(file) ?? '')) {
      const target = resolve(file, specifier)
      if (!loads || target === undefined || !sources.has(target)) continue
      if (state.get(target) === 'open') {
        const circle = [...path.slice(path.indexOf(target)), target].map((name) => posix.basename(name))
        found.push({ file, line, rule: 'cycle', message: `files import each other in a circle: ${circle.join(' -> ')}` })
      } else if (!state.has(target)) visit(target)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of sources.keys()) if (!state.has(file) && /^(packages|apps|examples)\//.test(file)) visit(file)
  return found
}
