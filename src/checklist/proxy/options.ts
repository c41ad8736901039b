import * as z from "zod"
import { formatAddress, isPublicAddress, parseAddress } from "../../core/address.ts"
import { type Faults, nearest, readBySchema } from "../../core/misuse.ts"
import { type Block, contains, maskAddress } from "./block.ts"
import { isPreset, PRESETS, type PresetName } from "./presets.ts"

export interface ProxyOptions {
  /**
   * Whose forwarding headers count. A list: CIDR blocks or addresses of the proxies, `"unix"` for a proxy that comes over a
   * Unix socket, or the name of what stands in front: `"nginx"`, `"cloudflare"`, `"cloudfront"`, `"fastly"`, `"aws-alb"`,
   * `"gcp"`, `"fly"`, `"vercel"`. A number from 0 to 10: how many proxies every request passes, when their addresses are not
   * known; it counts only for connections from private addresses. Default: nobody's.
   */
  readonly trusted?: number | readonly (PresetName | (string & {}))[]
}

export interface ProxyPolicy {
  /** As written, for the checklist: `10.0.0.0/8`, `unix`, `cloudflare (2023-09-28)`, `2 hops`. */
  readonly trusted: readonly string[]
  /** How many entries from the right are trusted, counting the peer; 0 when a list decides. */
  readonly hops: number
  readonly blocks: readonly Block[]
  readonly unix: boolean
}

/** More proxies than any deployment has: a larger number is a mistake, and each one more believes one more stranger. */
export const MAX_HOPS = 10

// A block wider than these is "everybody" in disguise (0.0.0.0/1 twice, 2000::/3). fc00::/7 is the widest private one; among
// public ones Cloudflare's 104.16.0.0/13 and 2a06:98c0::/29 are the widest that a proxy's owner has for himself.
const WIDEST = { private: { 4: 8, 6: 7 }, public: { 4: 12, 6: 28 } } as const

const SCHEMA = z.strictObject({ trusted: z.union([z.number(), z.array(z.string())]).optional() })
const NOBODY: ProxyPolicy = Object.freeze({ trusted: [], hops: 0, blocks: [], unix: false })
const FIX = `List the proxies like ["10.0.0.0/8", "fd00::/8"], name one of ${Object.keys(PRESETS).join(", ")}, or give their number.`

export function readProxy(input: unknown, faults: Faults): ProxyPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "proxy", faults)
  const trusted = options?.trusted
  if (trusted === undefined) return NOBODY
  return typeof trusted === "number" ? readHops(trusted, faults) : readList(trusted, faults)
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

function readList(list: readonly string[], faults: Faults): ProxyPolicy {
  const trusted: string[] = []
  const blocks: Block[] = []
  let unix = false
  for (const [index, text] of list.entries()) {
    const path = `proxy.trusted.${index}`
    if (isPreset(text)) {
      const { ranges, ownEntries, clientHeader, asOf, unix: socket } = PRESETS[text]
      trusted.push(asOf === undefined ? text : `${text} (${asOf})`)
      for (const range of ranges) {
        const block = readBlock(range, path, faults)
        if (block !== undefined) blocks.push({ ...block, ownEntries, clientHeader })
      }
      unix ||= socket
      continue
    }
    trusted.push(text)
    if (text === "unix") {
      unix = true
      continue
    }
    const block = readBlock(text, path, faults)
    if (block !== undefined) blocks.push(block)
  }
  refuseTwoReadings(blocks, faults)
  return Object.freeze({ trusted, hops: 0, blocks, unix })
}

/**
 * A proxy that passes on the header in which another one names its client lets clients choose their address, so nobody may
 * be read in two ways, by the order of the list.
 */
function refuseTwoReadings(blocks: readonly Block[], faults: Faults): void {
  const two = blocks.some((one) =>
    blocks.some(
      (other) =>
        (one.clientHeader !== other.clientHeader || one.ownEntries !== other.ownEntries) &&
        contains(one, other.network),
    ),
  )
  if (!two) return
  const problem = "two entries have addresses in common, but their proxies name the client in different ways"
  const fix =
    "Keep the name of the proxy that connects to this service, and beside it addresses it does not cover."
  faults.add("proxy.two_readings", "proxy.trusted", problem, fix)
}

function readBlock(text: string, path: string, faults: Faults): Block | undefined {
  const [addressText = "", bitsText, ...rest] = text.split("/")
  const address = rest.length === 0 && !addressText.includes("%") ? parseAddress(addressText) : undefined
  if (address === undefined || (bitsText !== undefined && !/^(?:0|[1-9]\d{0,2})$/.test(bitsText))) {
    const near = /^[a-z-]+$/i.test(text) ? nearest(text.toLowerCase(), Object.keys(PRESETS)) : undefined
    const fix = near === undefined ? FIX : `Did you mean "${near}"?`
    faults.add("proxy.block", path, "it is no address, no CIDR block and no proxy known by name", fix)
    return undefined
  }
  if (address.version === 4 && addressText.includes(":")) {
    const problem = "it is IPv4 written as IPv6"
    faults.add("proxy.block", path, problem, `Write the IPv4 block itself: ${formatAddress(address)}/…`)
    return undefined
  }
  const whole = address.version === 4 ? 32 : 128
  const bits = bitsText === undefined ? whole : Number(bitsText)
  if (bits > whole) {
    faults.add("proxy.block", path, `the prefix is longer than ${whole} bits`, FIX)
    return undefined
  }
  const network = maskAddress(address, bits)
  if (bits < WIDEST[isPublicAddress(network) ? "public" : "private"][address.version]) {
    faults.add(
      "proxy.too_wide",
      path,
      "it trusts far too many addresses: whoever has one of them chooses the address he is known by",
      "Name the networks your proxies are in.",
    )
    return undefined
  }
  if (formatAddress(network) !== formatAddress(address)) {
    const problem = "the address has bits beyond the prefix"
    faults.add("proxy.block", path, problem, `Did you mean "${formatAddress(network)}/${bits}"?`)
    return undefined
  }
  return { network, bits, ownEntries: 0, clientHeader: undefined }
}
