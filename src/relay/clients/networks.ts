import { BlockList, isIP } from 'node:net'

/** An address or a network of addresses. */
export interface Network {
  readonly version: 4 | 6
  /** How many bits it leaves open: the smaller, the narrower. */
  readonly width: number
  contains(address: string): boolean
}

const FAMILIES = { 4: 'ipv4', 6: 'ipv6' } as const

/** `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`; undefined for anything else. */
export function readNetwork(text: string): Network | undefined {
  const [base = '', length, ...rest] = text.trim().split('/')
  const address = plainAddress(base)
  const version = isIP(address)
  if (rest.length > 0 || (version !== 4 && version !== 6)) return undefined
  const bits = version === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined
  if (prefix > bits) return undefined
  const list = new BlockList()
  list.addSubnet(address, prefix, FAMILIES[version])
  return {
    version,
    width: bits - prefix,
    contains(candidate) {
      const plain = plainAddress(candidate)
      return isIP(plain) === version && list.check(plain, FAMILIES[version])
    },
  }
}

/** Without the zone, and an IPv4 address in its IPv6 form (RFC 4291 §2.5.5.2) as IPv4. */
export function plainAddress(address: string): string {
  const plain = address.replace(/%.*$/, '')
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain
}

export function isLoopbackAddress(address: string): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

/** What is counted as one host: a /64 of IPv6 is the smallest network that a site gets (RFC 6177). */
export function hostKeyOf(address: string): string {
  const plain = plainAddress(address)
  if (!plain.includes(':')) return plain
  const [head = '', tail = ''] = plain.toLowerCase().split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const zeros: string[] = Array.from({ length: Math.max(0, 8 - left.length - right.length) })
  return [...left, ...zeros.fill('0'), ...right].slice(0, 4).join(':')
}
