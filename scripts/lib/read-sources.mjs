// Reads what the docs say out of the sources: members of interfaces with their comments, literals of defaults, the table of errors.

/**
 * The members of an interface, in order, each with its doc comment in one line.
 * @param {string} text a TypeScript source
 * @param {string} name the interface's name
 * @returns {{ name: string, type: string, required: boolean, doc: string }[]}
 */
export function membersOf(text, name) {
  const start = text.search(new RegExp(`^(?:export )?interface ${name}\\b`, 'm'))
  if (start === -1) throw new Error(`There is no interface ${name}`)
  const open = text.indexOf('{\n', start)
  const body = text.slice(open + 2, text.indexOf('\n}', open) + 1)
  const member = /^  (?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n\s*)?(?:readonly )?(?:'([^']+)'|([\w$]+))(\?)?: (.+)$/gm
  return [...body.matchAll(member)].map(([, doc = '', quoted, plain, optional, type]) => ({
    name: quoted ?? plain,
    type: type.replace(/ \| undefined$/, '').replace(/^\((.*)\)$/, '$1'),
    required: optional === undefined,
    doc: oneLine(doc)
  }))
}

/** The comment that stands before an exported interface, in one line. */
export function docOf(text, name) {
  const at = text.search(new RegExp(`^(?:export )?interface ${name}\\b`, 'm'))
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, at))
  return oneLine(comment?.[1] ?? '')
}

/** The members of an object literal that was assigned to a constant, as they are written. */
export function literalOf(text, name) {
  const found = new RegExp(`\\bconst ${name}\\b[^=]*= \\{([\\s\\S]*?)\\n?\\}(?: as const| satisfies|\\n|$)`).exec(text)
  if (!found) throw new Error(`There is no constant ${name}`)
  const members = found[1].matchAll(/(\w+): (\{[^}]*\}|[^,\n}]+)/g)
  return Object.fromEntries([...members].map(([, key, value]) => [key, value.trim()]))
}

/** The table of errors: code to status and sentence. */
export function errorsOf(text) {
  const rows = text.matchAll(/^  '?([\w-]+)'?: \{ status: (\d+), sentence: '((?:[^'\\]|\\.)*)' \},?$/gm)
  return [...rows].map(([, code, status, sentence]) => ({ code, status: Number(status), sentence: sentence.replaceAll("\\'", "'") }))
}

/** A comment without its stars, on one line. */
function oneLine(comment) {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .filter(Boolean)
    .join(' ')
    .trim()
}
