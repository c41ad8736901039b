import { normaliseAddress } from "../checklist/proxy/index.ts"
import type { RequestHead } from "../core/request.ts"

/** Whatever a proxy in front leaves behind: with one of these, the peer is the proxy and not the developer. */
const FORWARDING_HEADERS = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-real-ip",
  "x-client-ip",
  "x-original-forwarded-for",
  "cf-connecting-ip",
  "true-client-ip",
  "fastly-client-ip",
  "fly-client-ip",
] as const

/** A connection from this very machine that no proxy has passed on. The guard has checked the Host before. */
export function isLocalPeer(head: RequestHead): boolean {
  const address = normaliseAddress(head.peerAddress)
  if (address !== "::1" && !address.startsWith("127.")) return false
  return FORWARDING_HEADERS.every((name) => head.header(name) === undefined)
}
