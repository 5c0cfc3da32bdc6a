const ANYWHERE = 'http://here.invalid'

/**
 * The address to go back to after signing in: only ever a path of this site. Anything that a browser could take for
 * another site (`//evil`, `https:evil`, `/\evil`, with tabs or line breaks in it) is `/`.
 * @param next what came with the request: `?next=`
 */
export function safeReturnPath(next: unknown): string {
  if (typeof next !== 'string' || next.length > 2000 || !next.startsWith('/')) return '/'
  // browsers take \ for / and leave out tabs and line breaks before they look at the address
  if (/[\\\u0000-\u0020\u007f]/.test(next)) return '/'
  const url = URL.parse(next, ANYWHERE)
  if (!url || url.origin !== ANYWHERE) return '/'
  // `/.//evil` is a path of ours until it is tidied up
  if (url.pathname.startsWith('//')) return '/'
  return url.pathname + url.search + url.hash
}
