/**
 * A proxy that nobody named: all its clients share its address, and with it their limits. Seen by the headers it leaves. A
 * client on the internet can write such headers too, so they count only from where no such client is: a private address, or
 * a network that a known proxy has for itself. That way nobody outside turns the line red who has not rented there.
 */
import { isPublicAddress, normaliseAddress, parseAddress } from "../../core/address.ts"
import type { Clock } from "../../core/clock.ts"
import type { Facts } from "../../core/facts.ts"
import type { Logger } from "../../core/logger.ts"
import { Faults } from "../../core/misuse.ts"
import type { RequestHead } from "../../core/request.ts"
import { contains } from "./block.ts"
import { type ProxyPolicy, readProxy } from "./options.ts"
import { PUBLIC_PRESETS } from "./presets.ts"

/** Long enough for somebody to look, short enough to see that it was mended. */
const SHOWN_MS = 10 * 60_000
/** One look a second is enough, however many requests come. */
const PAUSE_MS = 1_000
/** So many looks have to find it: a developer who tries a header once is no proxy. */
const LOOKS = 3

export interface Overlooked {
  /** Looks at a request whose peer is believed nothing. */
  note(head: RequestHead): void
  /** The last one that was seen in the last ten minutes. */
  last(): Facts["proxy"]["overlooked"]
}

export function createOverlooked(input: {
  readonly policy: ProxyPolicy
  readonly clock: Clock
  readonly logger: Logger
}): Overlooked {
  const { policy, clock, logger } = input
  const known = PUBLIC_PRESETS.map((name) => ({
    name,
    blocks: readProxy({ trusted: [name] }, new Faults()).blocks,
  }))
  let seen: Facts["proxy"]["overlooked"]
  let looks = 0
  let lookedAt = Number.NEGATIVE_INFINITY

  function nameOf(peer: string | undefined): string | undefined {
    if (peer === undefined) return "unix"
    const address = parseAddress(peer)
    if (address === undefined) return undefined
    if (!isPublicAddress(address)) return normaliseAddress(peer)
    return known.find(({ blocks }) => blocks.some((block) => contains(block, address)))?.name
  }

  return {
    note(head) {
      if (head.header("x-forwarded-for") === undefined && head.header("forwarded") === undefined) return
      const now = clock()
      if (now - lookedAt < PAUSE_MS) return
      const name = nameOf(head.peerAddress)
      if (name === undefined) return
      if (now - lookedAt >= SHOWN_MS) {
        looks = 0
        seen = undefined
      }
      looks++
      lookedAt = now
      if (looks < LOOKS) return
      const peer = normaliseAddress(head.peerAddress)
      if (looks === LOOKS) logger.warn({ peer, name }, "proxy: requests come through one that is not trusted")
      seen = { peer, name, hops: policy.hops > 0 }
    },
    last: () => (clock() - lookedAt < SHOWN_MS ? seen : undefined),
  }
}
