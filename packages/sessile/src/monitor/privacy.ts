import { createHmac } from 'node:crypto'
import { addressBucket } from '../core/addresses.ts'
import { derive, secretList, type Secrets } from '../core/signatures.ts'
import type { HttpRequest } from './options.ts'

/** What is kept of an address. `network` is the older name of `truncated`. */
export type Addresses = 'full' | 'truncated' | 'network' | 'hashed' | 'none'
export const ADDRESSES: readonly Addresses[] = ['full', 'truncated', 'network', 'hashed', 'none']

const DAY_MS = 86_400_000

/**
 * What is kept of an address: all of it; its network (IPv4 /24, IPv6 /48); a pseudonym, which is another one each day, so that
 * nobody can be followed by it from day to day; or nothing.
 */
export function keptAddress(address: string | undefined, level: Addresses, secret: Secrets | undefined, at: number): string | undefined {
  if (address === undefined || level === 'none') return undefined
  if (level === 'full') return address
  if (level === 'hashed') {
    const day = Math.floor(at / DAY_MS)
    const key = derive(secretList(secret!)[0]!, 'addresses', 32)
    return `~${createHmac('sha256', key)
      .update(`${day} ${addressBucket(address)}`)
      .digest('base64url')
      .slice(0, 16)}`
  }
  return addressBucket(address, 48, 24)
}

/** Whether a visitor's browser asks not to be followed: Global Privacy Control, or Do Not Track. */
export function asksForPrivacy(req: HttpRequest): boolean {
  return req.headers['sec-gpc'] === '1' || req.headers['dnt'] === '1'
}
