import { isIPv4, isIPv6 } from 'node:net'

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const text = dotted
    ? `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
    : address
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(zeros).fill('0'), ...right].map((group) => parseInt(group, 16))
}

function ipv6Bucket(address: string, prefix: number): string {
  const groups = groupsOf(address)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return [groups[6]! >> 8, groups[6]! & 255, groups[7]! >> 8, groups[7]! & 255].join('.')
  }
  const kept = groups.map((group, place) => group & (0xffff << Math.max(0, 16 - Math.max(0, prefix - place * 16))) & 0xffff)
  return `${kept.map((group) => group.toString(16)).join(':')}/${prefix}`
}

/**
 * What an address is counted under: its one canonical spelling. An IPv6 visitor has a whole network to choose from, so the
 * first `prefix` bits count; an IPv4 address written as IPv6 is the IPv4 address.
 * @param address as `req.ip` says it (with a port or brackets, as some proxies write it); nothing known is one bucket too
 */
export function addressBucket(address: string | undefined, prefix = 64): string {
  const text = (address ?? '').trim().toLowerCase().replace(/^\[([^\]]*)\](?::\d+)?$/, '$1').replace(/%.*$/, '')
  if (isIPv6(text)) return ipv6Bucket(text, prefix)
  const bare = text.replace(/:\d+$/, '')
  return isIPv4(bare) ? bare : `unknown ${text}`
}
