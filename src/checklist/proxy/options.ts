import * as z from "zod"
import { type Address, formatAddress, maskOf, parseAddress } from "../../core/address.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface ProxyOptions {
  /**
   * Whose forwarding headers count. A list: CIDR blocks or addresses of the proxies, and `"unix"` for a proxy that comes
   * over a Unix socket. A number from 0 to 10: how many proxies every request passes, when their addresses are not known;
   * then nobody else may reach the port, since the count believes whoever connects. Default: nobody's.
   */
  readonly trusted?: number | readonly string[]
}

/** A network as the bits that its members share. */
interface Block {
  readonly network: Address
  readonly bits: number
}

export interface ProxyPolicy {
  /** As written, for the checklist: `10.0.0.0/8`, `unix`, `2 hops`. */
  readonly trusted: readonly string[]
  /** How many entries from the right are trusted, counting the peer; 0 when a list decides. */
  readonly hops: number
  readonly blocks: readonly Block[]
  readonly unix: boolean
}

/** More proxies than any deployment has: a larger number is a mistake, and each one more believes one more stranger. */
export const MAX_HOPS = 10

// A block wider than these is "everybody" in disguise (0.0.0.0/1 twice, 2000::/3). fc00::/7 is the widest private one.
const WIDEST_4 = 8
const WIDEST_6 = 7

const SCHEMA = z.strictObject({ trusted: z.union([z.number(), z.array(z.string())]).optional() })
const NOBODY: ProxyPolicy = Object.freeze({ trusted: [], hops: 0, blocks: [], unix: false })
const FIX = 'List the proxies like ["10.0.0.0/8", "fd00::/8"], or give their number.'

export function readProxy(input: unknown, faults: Faults): ProxyPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "proxy", faults)
  const trusted = options?.trusted
  if (trusted === undefined) return NOBODY
  return typeof trusted === "number" ? readHops(trusted, faults) : readBlocks(trusted, faults)
}

function readHops(hops: number, faults: Faults): ProxyPolicy {
  if (!Number.isInteger(hops) || hops < 0 || hops > MAX_HOPS) {
    const problem = `it is not a whole number from 0 to ${MAX_HOPS}`
    faults.add(
      "proxy.hops",
      "proxy.trusted",
      problem,
      "Count the proxies between the internet and this service.",
    )
    return NOBODY
  }
  if (hops === 0) return NOBODY
  return Object.freeze({ ...NOBODY, trusted: [`${hops} ${hops === 1 ? "hop" : "hops"}`], hops })
}

function readBlocks(list: readonly string[], faults: Faults): ProxyPolicy {
  const blocks: Block[] = []
  for (const [index, text] of list.entries()) {
    if (text === "unix") continue
    const block = readBlock(text, `proxy.trusted.${index}`, faults)
    if (block !== undefined) blocks.push(block)
  }
  return Object.freeze({ trusted: [...list], hops: 0, blocks, unix: list.includes("unix") })
}

function readBlock(text: string, path: string, faults: Faults): Block | undefined {
  const [addressText = "", bitsText, ...rest] = text.split("/")
  const address = rest.length === 0 && !addressText.includes("%") ? parseAddress(addressText) : undefined
  if (address === undefined || (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText))) {
    faults.add("proxy.block", path, "it is neither an address nor a CIDR block", FIX)
    return undefined
  }
  if (address.version === 4 && addressText.includes(":")) {
    const problem = "it is IPv4 written as IPv6"
    faults.add("proxy.block", path, problem, `Write the IPv4 block itself: ${formatAddress(address)}/…`)
    return undefined
  }
  const whole = address.version === 4 ? 32 : 128
  const bits = bitsText === undefined ? whole : Number(bitsText)
  const widest = address.version === 4 ? WIDEST_4 : WIDEST_6
  if (bits > whole || bits < widest) {
    const problem =
      bits > whole ? `the prefix is longer than ${whole} bits` : "it trusts far too many addresses"
    const fix =
      bits > whole ? FIX : "Name the networks your proxies are in; whoever is trusted chooses their address."
    faults.add(bits > whole ? "proxy.block" : "proxy.too_wide", path, problem, fix)
    return undefined
  }
  const network = maskAddress(address, bits)
  if (formatAddress(network) !== formatAddress(address)) {
    const problem = "the address has bits beyond the prefix"
    faults.add("proxy.block", path, problem, `Did you mean "${formatAddress(network)}/${bits}"?`)
    return undefined
  }
  return { network, bits }
}

function maskAddress(address: Address, bits: number): Address {
  const size = address.version === 4 ? 8 : 16
  return {
    version: address.version,
    parts: address.parts.map((part, index) => part & maskOf(bits - index * size, size)),
  }
}
