/**
 * One client, one spelling. Attack: the same client written in ways that count as different ones, or different clients
 * that fall into one (CVE-2026-30827: every IPv4-mapped client in one bucket). Promise: addresses are compared by their
 * bits; IPv4 carried in IPv6 is IPv4; text that is not an address never becomes one.
 * Source: RFC 4291 (2.2, 2.5.5), RFC 5952, RFC 6052, RFC 4007 (zones); ASVS 15.3.4.
 */

/** The eight 16-bit groups of an IPv6 address, or the four bytes of an IPv4 address. */
export interface Address {
  readonly version: 4 | 6
  readonly parts: readonly number[]
}

/** What a peer without an address is called: a Unix socket, or a runtime that does not tell. */
export const UNKNOWN = "unknown"

const COLON = 58
const DOT = 46

/** @returns the address, IPv4 where it is IPv4 in whatever dress; undefined when the text is not exactly one address */
export function parseAddress(text: string): Address | undefined {
  if (text.length < 2 || text.length > 80) return undefined
  if (text.indexOf(":") < 0) {
    const parts = parseIpv4(text, 0)
    return parts === undefined ? undefined : { version: 4, parts }
  }
  const zone = text.indexOf("%")
  if (zone === text.length - 1) return undefined
  const groups = parseIpv6(zone < 0 ? text : text.slice(0, zone))
  if (groups === undefined) return undefined
  const inner = carriedIpv4(groups)
  return inner === undefined ? { version: 6, parts: groups } : { version: 4, parts: inner }
}

/** The canonical text: dotted decimal, or RFC 5952. */
export function formatAddress(address: Address): string {
  return address.version === 4 ? address.parts.join(".") : formatIpv6(address.parts)
}

/** The canonical text of an address, or `"unknown"`. Plain IPv4, the usual case, comes back as it is. */
export function normaliseAddress(text: string | undefined): string {
  if (text === undefined) return UNKNOWN
  const address = parseAddress(text)
  if (address === undefined) return UNKNOWN
  return address.version === 4 && text.indexOf(":") < 0 ? text : formatAddress(address)
}

/**
 * Whether it is one of the internet's: not of this machine, a private network, a provider's inside, a link or a group.
 * Documentation addresses count as public, since they stand for such.
 * Source: https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
 */
export function isPublicAddress({ version, parts }: Address): boolean {
  if (version === 6) {
    const [first = 0, second = 0, third = 0] = parts
    // 64:ff9b:1::/48 (RFC 8215) is a network's own, but behind its translator stands all of IPv4.
    return (first & 0xe000) === 0x2000 || (first === 0x64 && second === 0xff9b && third === 1)
  }
  const [a = 0, b = 0, c = 0] = parts
  if (a === 192 && b === 0 && c === 0) return false
  return isGlobalIpv4(parts) && !(a === 198 && (b === 18 || b === 19))
}

/** The client's network: an IPv4 /24 or an IPv6 /48, for events, fairness and overflow; `"unknown"` for anything else. */
export function prefixOf(address: string): string {
  return networkOf(address, 24, 48)
}

/** The network around an address, with one size for each version. */
export function networkOf(address: string, bits4: number, bits6: number): string {
  const parsed = parseAddress(address)
  if (parsed === undefined) return UNKNOWN
  const bits = parsed.version === 4 ? bits4 : bits6
  const size = parsed.version === 4 ? 8 : 16
  const parts = parsed.parts.map((part, index) => part & maskOf(bits - index * size, size))
  return `${formatAddress({ version: parsed.version, parts })}/${bits}`
}

/** The mask of one part when `bits` of the network are left at its start. */
export function maskOf(bits: number, size: number): number {
  const kept = Math.min(size, Math.max(0, bits))
  return ((1 << size) - 1) & ~((1 << (size - kept)) - 1)
}

/** Four decimal numbers from 0 to 255 without leading zeros, which some readers take for octal. */
function parseIpv4(text: string, start: number): number[] | undefined {
  const parts: number[] = []
  let value = -1
  for (let at = start; at <= text.length; at++) {
    const code = at === text.length ? DOT : text.charCodeAt(at)
    if (code === DOT) {
      if (value < 0 || parts.length === 4) return undefined
      parts.push(value)
      value = -1
    } else {
      if (code < 48 || code > 57 || value === 0) return undefined
      value = (value < 0 ? 0 : value * 10) + code - 48
      if (value > 255) return undefined
    }
  }
  return parts.length === 4 ? parts : undefined
}

function parseIpv6(text: string): number[] | undefined {
  const groups: number[] = []
  let gap = -1
  let at = 0
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined
    gap = 0
    at = 2
  }
  while (at < text.length) {
    if (groups.length === 8) return undefined
    const end = text.indexOf(":", at)
    if (end < 0 && text.indexOf(".", at) >= 0) {
      const four = parseIpv4(text, at)
      if (four === undefined || groups.length > 6) return undefined
      const [a = 0, b = 0, c = 0, d = 0] = four
      groups.push((a << 8) | b, (c << 8) | d)
      break
    }
    const group = parseGroup(text, at, end < 0 ? text.length : end)
    if (group < 0) return undefined
    groups.push(group)
    if (end < 0) break
    at = end + 1
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined
      gap = groups.length
      at++
    } else if (at === text.length) {
      return undefined
    }
  }
  if (gap < 0) return groups.length === 8 ? groups : undefined
  if (groups.length > 7) return undefined
  const zeros = new Array<number>(8 - groups.length).fill(0)
  return [...groups.slice(0, gap), ...zeros, ...groups.slice(gap)]
}

/** One to four hexadecimal digits, or -1. */
function parseGroup(text: string, start: number, end: number): number {
  if (end === start || end - start > 4) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    const digit = code < 58 ? code - 48 : (code | 32) - 87
    if (digit < 0 || digit > 15 || (code > 57 && digit < 10)) return -1
    value = value * 16 + digit
  }
  return value
}

/** IPv4-mapped (RFC 4291, 2.5.5.2), and NAT64's well-known prefix when what it carries is a global address. */
function carriedIpv4(groups: readonly number[]): number[] | undefined {
  const [g0, g1, g2, g3, g4, g5, high = 0, low = 0] = groups
  if (g2 !== 0 || g3 !== 0 || g4 !== 0) return undefined
  const four = [high >> 8, high & 255, low >> 8, low & 255]
  if (g0 === 0 && g1 === 0 && g5 === 0xffff) return four
  // RFC 6052, 3.1: the well-known prefix must not carry other than global addresses, so 64:ff9b::127.0.0.1 is nobody's
  // loopback and stays what it is.
  return g0 === 0x64 && g1 === 0xff9b && g5 === 0 && isGlobalIpv4(four) ? four : undefined
}

function isGlobalIpv4(parts: readonly number[]): boolean {
  const [a = 0, b = 0] = parts
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false
  if (a === 100) return b < 64 || b > 127
  if (a === 172) return b < 16 || b > 31
  return !(a === 169 && b === 254) && !(a === 192 && b === 168)
}

/** Lower case, no leading zeros, the longest run of two or more zero groups as `::` (RFC 5952, section 4). */
function formatIpv6(groups: readonly number[]): string {
  let start = -1
  let length = 1
  for (let at = 0; at < 8; at++) {
    let run = 0
    while (at + run < 8 && groups[at + run] === 0) run++
    if (run > length) {
      start = at
      length = run
    }
    if (run > 0) at += run - 1
  }
  const text = groups.map((group) => group.toString(16))
  if (start < 0) return text.join(":")
  return `${text.slice(0, start).join(":")}::${text.slice(start + length).join(":")}`
}
