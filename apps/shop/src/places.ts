import { isIPv4, isIPv6 } from 'node:net'

/** What is kept of the addresses that people come from: all, their network (IPv4 /24, IPv6 /48), or nothing. */
export type Addresses = 'full' | 'network' | 'none'

/** The part of an address that may be kept. */
export function keptAddress(address: string | undefined, kept: Addresses): string | undefined {
  if (address === undefined || kept === 'none') return undefined
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (kept === 'full') return isIPv4(plain) || isIPv6(plain) ? plain : undefined
  if (isIPv4(plain)) return plain.replace(/\d+$/, '0/24')
  return isIPv6(plain) ? `${firstGroups(plain, 3)}::/48` : undefined
}

/** The first of the eight groups of an IPv6 address, without leading zeros. */
function firstGroups(address: string, count: number): string {
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]
  return groups
    .slice(0, count)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')
}
