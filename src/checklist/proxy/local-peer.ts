/**
 * Attack: what is open only to the developer at this machine (the development inbox, the checklist), reached from outside:
 * through a proxy or tunnel in front, or by a page whose name was rebound to this machine. Promise: a connection from this
 * very machine, by the configured loopback name, without any sign that somebody passed it on.
 * Source: ASVS 13.4.5; CVE-2018-5702 (DNS rebinding).
 */

import { normaliseAddress } from "../../core/address.ts"
import { isLoopback } from "../../core/loopback.ts"
import type { RequestHead } from "../../core/request.ts"

/** Whatever a proxy in front leaves behind: with one of these, the peer is the proxy and not the developer. */
const FORWARDING_HEADERS = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-original-forwarded-for",
  "x-real-ip",
  "x-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "cf-ray",
  "fastly-client-ip",
  "fly-client-ip",
] as const

export function isLocalPeer(head: RequestHead, origin: URL): boolean {
  const address = normaliseAddress(head.peerAddress)
  return (
    isLoopback(origin.hostname) &&
    (address === "::1" || address.startsWith("127.")) &&
    head.header("host") === origin.host &&
    FORWARDING_HEADERS.every((name) => head.header(name) === undefined)
  )
}
