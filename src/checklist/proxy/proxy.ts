/**
 * Attack: a client that writes its own X-Forwarded-For, X-Real-IP, CF-Connecting-IP or Forwarded and so chooses its
 * address, its limits and whether it came by https. Promise: only X-Forwarded-For and X-Forwarded-Proto are read, only
 * when the peer is a named proxy, from right to left, and no further than proxies reach; an entry that is not an address
 * ends the walk at the last one that could be believed.
 * Source: ASVS 4.1.3, 15.3.4; RFC 7239, section 8.1.
 */

import {
  type Address,
  formatAddress,
  maskOf,
  normaliseAddress,
  parseAddress,
  UNKNOWN,
} from "../../core/address.ts"
import type { Facts, LineState } from "../../core/facts.ts"
import type { RequestHead } from "../../core/request.ts"
import { MAX_HOPS, type ProxyPolicy } from "./options.ts"

export interface Client {
  /** Canonical; `"unknown"` when nobody told an address that could be believed. */
  readonly address: string
  /** Whether the client reached us by https, as far as this can be believed. */
  readonly secure: boolean
}

/** Who asks. Never refuses: what cannot be believed is ignored. */
export function clientOf(policy: ProxyPolicy, head: RequestHead): Client {
  const peer = head.peerAddress
  if (policy.hops === 0 && policy.blocks.length === 0 && !policy.unix) {
    return { address: normaliseAddress(peer), secure: head.encrypted }
  }
  const peerParsed = peer === undefined ? undefined : parseAddress(peer)
  if (!isTrustedPeer(policy, peer, peerParsed)) {
    return { address: normaliseAddress(peer), secure: head.encrypted }
  }
  return { address: walk(policy, head, peerParsed), secure: isSecure(head) }
}

function isTrustedPeer(policy: ProxyPolicy, peer: string | undefined, parsed: Address | undefined): boolean {
  if (policy.hops > 0) return true
  return parsed === undefined ? policy.unix && peer === undefined : isTrusted(policy, parsed)
}

/** From the peer leftwards through everything the header lines say, as one list. */
function walk(policy: ProxyPolicy, head: RequestHead, peer: Address | undefined): string {
  const lines = head.headerValues("x-forwarded-for")
  const steps = policy.hops > 0 ? policy.hops : MAX_HOPS
  let believed = peer
  let line = lines.length - 1
  let rest = lines[line]
  for (let step = 0; step < steps && rest !== undefined; step++) {
    const comma = rest.lastIndexOf(",")
    const next = parseEntry(comma < 0 ? rest : rest.slice(comma + 1))
    if (next === undefined) break
    believed = next
    if (policy.hops === 0 && !isTrusted(policy, next)) break
    rest = comma < 0 ? lines[--line] : rest.slice(0, comma)
  }
  return believed === undefined ? UNKNOWN : formatAddress(believed)
}

/** `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, with blanks around. */
function parseEntry(text: string): Address | undefined {
  if (text.length > 100) return undefined
  const entry = text.replace(/^[ \t]+|[ \t]+$/g, "")
  if (entry.startsWith("[")) {
    const close = entry.indexOf("]")
    const inner = entry.slice(1, close)
    if (close < 0 || !inner.includes(":") || !/^(?::\d{1,5})?$/.test(entry.slice(close + 1))) return undefined
    return parseAddress(inner)
  }
  const colon = entry.indexOf(":")
  const withPort = colon > 0 && colon === entry.lastIndexOf(":")
  if (!withPort) return parseAddress(entry)
  return /^\d{1,5}$/.test(entry.slice(colon + 1)) ? parseAddress(entry.slice(0, colon)) : undefined
}

function isTrusted(policy: ProxyPolicy, address: Address): boolean {
  const size = address.version === 4 ? 8 : 16
  return policy.blocks.some(
    ({ network, bits }) =>
      network.version === address.version &&
      network.parts.every((part, index) => {
        const own = address.parts[index] ?? 0
        return (own & maskOf(bits - index * size, size)) === part
      }),
  )
}

/**
 * What the trusted peer says, and without its word the connection itself. Several values mean that several proxies spoke:
 * the client came by https only if all say so.
 */
function isSecure(head: RequestHead): boolean {
  const lines = head.headerValues("x-forwarded-proto")
  if (lines.length === 0) return head.encrypted
  return lines.every((line) => line.split(",").every((value) => value.trim().toLowerCase() === "https"))
}

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { trusted } = facts.proxy
  if (trusted.length === 0) {
    return {
      state: "holds",
      why: "No proxy is trusted: forwarding headers are ignored, the socket's address counts.",
    }
  }
  if (/^\d+ hops?$/.test(trusted[0] ?? "")) {
    return {
      state: "holds",
      why: `Forwarding headers count for ${trusted[0]}, as long as nobody but the proxies reaches this port.`,
    }
  }
  return { state: "holds", why: `Forwarding headers count only from ${trusted.join(", ")}.` }
}
