import { isIPv4, isIPv6 } from 'node:net'

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const [first = 0, second = 0, third = 0, fourth = 0] = dotted?.slice(2).map(Number) ?? []
  const text = dotted ? `${dotted[1]}${((first << 8) | second).toString(16)}:${((third << 8) | fourth).toString(16)}` : address
  const [head = '', tail] = text.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length
  return [...left, ...Array<string>(zeros).fill('0'), ...right].map((group) => parseInt(group, 16))
}

function ipv4Bucket(bytes: readonly number[], prefix: number): string {
  const kept = bytes.map((byte, place) => byte & (0xff << Math.max(0, 8 - Math.max(0, prefix - place * 8))) & 0xff)
  return prefix < 32 ? `${kept.join('.')}/${prefix}` : kept.join('.')
}

function ipv6Bucket(groups: readonly number[], prefix: number): string {
  const kept = groups.map((group, place) => group & (0xffff << Math.max(0, 16 - Math.max(0, prefix - place * 16))) & 0xffff)
  return `${kept.map((group) => group.toString(16)).join(':')}/${prefix}`
}

/**
 * What an address is counted under: its one canonical spelling. An IPv6 visitor has a whole network to choose from, so the
 * first bits count; an IPv4 address written as IPv6 is the IPv4 address.
 * @param address as `req.ip` says it (with a port or brackets, as some proxies write it); nothing known is one bucket too
 * @param ipv6Bits how many bits of an IPv6 address count
 * @param ipv4Bits the same of an IPv4 address
 */
export function addressBucket(address: string | undefined, ipv6Bits = 64, ipv4Bits = 32): string {
  const text = (address ?? '')
    .trim()
    .toLowerCase()
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/%.*$/, '')
  if (isIPv6(text)) {
    const groups = groupsOf(text)
    const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
    return mapped
      ? ipv4Bucket(
          groups.slice(6).flatMap((group) => [group >> 8, group & 255]),
          ipv4Bits
        )
      : ipv6Bucket(groups, ipv6Bits)
  }
  const bare = text.replace(/:\d+$/, '')
  return isIPv4(bare) ? ipv4Bucket(bare.split('.').map(Number), ipv4Bits) : `unknown ${text}`
}
