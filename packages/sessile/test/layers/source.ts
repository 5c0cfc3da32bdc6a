/** Reads TypeScript just far enough to see imports and names: comments and strings are told apart from code. */

/** One import or export-from of a file. */
export interface Import {
  readonly specifier: string
  readonly line: number
  /** Whether it is loaded together with the file: not a type only, and not by `import()` later. */
  readonly loads: boolean
}

/**
 * The text with comments blanked out, and the content of strings too if asked; every character keeps its place,
 * so that lines can be counted.
 */
export function blank(text: string, strings: boolean): string {
  const out = [...text]
  const hide = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  /** Where the code that starts at `i` ends: at the end of the text, or at the `}` that closes a template's `${`. */
  const code = (start: number, inTemplate: boolean): number => {
    let depth = 0
    let i = start
    while (i < text.length) {
      const two = text.slice(i, i + 2)
      const char = text[i]
      if (two === '//') {
        const end = text.indexOf('\n', i)
        hide(i, end === -1 ? text.length : end)
        i = end === -1 ? text.length : end
      } else if (two === '/*') {
        const end = text.indexOf('*/', i + 2)
        hide(i, end === -1 ? text.length : end + 2)
        i = end === -1 ? text.length : end + 2
      } else if (char === "'" || char === '"') {
        i = quoted(i, char)
      } else if (char === '`') {
        i = template(i)
      } else if (char === '/' && startsRegExp(text.slice(Math.max(0, i - 40), i))) {
        i = regExp(i)
      } else {
        if (char === '{') depth++
        if (char === '}' && depth-- === 0 && inTemplate) return i
        i++
      }
    }
    return i
  }
  const quoted = (start: number, quote: string): number => {
    let i = start + 1
    while (i < text.length && text[i] !== quote && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1
    if (strings) hide(start + 1, i)
    return i + 1
  }
  const template = (start: number): number => {
    let i = start + 1
    let from = i
    while (i < text.length && text[i] !== '`') {
      if (text[i] === '\\') i += 2
      else if (text.slice(i, i + 2) === '${') {
        if (strings) hide(from, i)
        i = code(i + 2, true) + 1
        from = i
      } else i++
    }
    if (strings) hide(from, i)
    return i + 1
  }
  const regExp = (start: number): number => {
    let i = start + 1
    let inClass = false
    while (i < text.length && text[i] !== '\n' && (inClass || text[i] !== '/')) {
      if (text[i] === '[') inClass = true
      if (text[i] === ']') inClass = false
      i += text[i] === '\\' ? 2 : 1
    }
    if (strings) hide(start + 1, i)
    return i + 1
  }
  code(0, false)
  return out.join('')
}

/** Whether a `/` after this code begins a regular expression (else it divides). */
function startsRegExp(before: string): boolean {
  const code = before.trimEnd()
  return code === '' || /[(,=:[!&|?{};+\-*%<>~^]$/.test(code) || /\b(return|typeof|case|in|of|await|void)$/.test(code)
}

/** Every module that a file names: import, export … from, import(), require(), typeof import(). */
export function importsOf(text: string): Import[] {
  const code = blank(text, false)
  const shape = blank(text, true)
  const found: Import[] = []
  const pattern = /\b(?:from|import|require)\s*\(?\s*(['"])/g
  for (const match of shape.matchAll(pattern)) {
    const start = match.index + match[0].length
    const end = shape.indexOf(match[1] ?? "'", start)
    const statement = shape.slice(0, match.index).match(/\b(?:import|export)\s+(type\b)?[^'"`;=()]*$/)
    const loads = !match[0].includes('(') && statement?.[1] === undefined
    found.push({ specifier: code.slice(start, end), line: lineAt(code, match.index), loads })
  }
  return found
}

/** The line number, from 1, of a place in a text. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
