import type { ServerResponse } from 'node:http'
import type { HttpRequest } from './options.ts'

/** Answers with JSON; works with any response that Node has, Express or not. */
export function sendJson(res: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body)
  res.statusCode = status
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.setHeader('Content-Length', Buffer.byteLength(text))
  res.end(text)
}

/** Sends a browser elsewhere, to be fetched with GET. */
export function redirect(res: ServerResponse, location: string): void {
  res.statusCode = 303
  res.setHeader('Location', location)
  res.setHeader('Content-Length', 0)
  res.end()
}

/**
 * Whether a client would rather have HTML than JSON. No `Accept`, or one that takes all alike, is a program;
 * of two that are wanted alike the one named first wins.
 */
export function prefersHtml(accept: string | undefined): boolean {
  const html = { quality: 0, place: Infinity, precision: 0 }
  const json = { quality: 0, place: Infinity, precision: 0 }
  for (const [place, range] of (accept ?? '').split(',').entries()) {
    const [type = '', ...parameters] = range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/)
    const given = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = given === undefined ? 1 : Number(given.slice(2)) || 0
    const note = (wanted: typeof html, precision: number): void => {
      if (precision <= wanted.precision) return
      Object.assign(wanted, { quality, place, precision })
    }
    if (type === 'text/html') note(html, 3)
    else if (type === 'application/json') note(json, 3)
    else if (type === 'text/*') note(html, 2)
    else if (type === 'application/*') note(json, 2)
    else if (type === '*/*') {
      note(html, 1)
      note(json, 1)
    }
  }
  if (html.quality !== json.quality) return html.quality > json.quality
  return html.quality > 0 && html.place < json.place
}

/** The path and query that the client asked for, whatever router it went through. */
export function requestedPath(req: HttpRequest): string {
  return req.originalUrl ?? req.url ?? '/'
}
