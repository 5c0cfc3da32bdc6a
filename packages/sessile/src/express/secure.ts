import type { SessionRequest } from './types.ts'

/**
 * Whether a request came over a secure connection.
 * @param proxy true: `X-Forwarded-Proto` says it; false: the socket alone does; undefined: Express says it (`trust proxy`)
 */
export function isSecure(req: SessionRequest, proxy: boolean | undefined): boolean {
  if (isEncrypted(req.socket) || isEncrypted(req.connection)) return true
  if (proxy === false) return false
  if (proxy !== true) return req.secure === true
  const header = req.headers['x-forwarded-proto']
  const first = (Array.isArray(header) ? header[0] : header)?.split(',', 1)[0]
  return first !== undefined && first.trim().toLowerCase() === 'https'
}

function isEncrypted(socket: unknown): boolean {
  return Boolean((socket as { encrypted?: boolean } | undefined)?.encrypted)
}
