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
  isPublicAddress,
  normaliseAddress,
  parseAddress,
  UNKNOWN,
} from "../../core/address.ts"
import type { RequestHead } from "../../core/request.ts"
import { type Block, contains } from "./block.ts"
import { MAX_HOPS, type ProxyPolicy } from "./options.ts"

export interface Client {
  /** Canonical; `"unknown"` when nobody told an address that could be believed. */
  readonly address: string
  /** Whether the client reached us by https, as far as this can be believed. */
  readonly secure: boolean
}

type Trust = Pick<Block, "ownEntries" | "clientHeader">
/** A peer that adds nothing but its client. */
const PLAIN: Trust = { ownEntries: 0, clientHeader: undefined }

/**
 * Who asks. Never refuses: what cannot be believed is ignored.
 * @param onUntrusted hears of each request whose peer is believed nothing
 */
export function clientOf(
  policy: ProxyPolicy,
  head: RequestHead,
  onUntrusted?: (head: RequestHead) => void,
): Client {
  const peer = head.peerAddress
  const trustsSomebody = policy.hops > 0 || policy.blocks.length > 0 || policy.unix
  const parsed = !trustsSomebody || peer === undefined ? undefined : parseAddress(peer)
  const trust = trustsSomebody ? trustOf(policy, peer, parsed) : undefined
  if (trust === undefined) {
    onUntrusted?.(head)
    return { address: normaliseAddress(peer), secure: head.encrypted }
  }
  return { address: walk(policy, head, parsed, trust), secure: isSecure(head) }
}

/**
 * A number of hops believes whoever connects, so it counts only for those who cannot be a client on the internet: a proxy
 * with a public address has to be named.
 */
function trustOf(
  policy: ProxyPolicy,
  peer: string | undefined,
  parsed: Address | undefined,
): Trust | undefined {
  if (peer === undefined) return policy.hops > 0 || policy.unix ? PLAIN : undefined
  if (parsed === undefined) return undefined
  if (policy.hops > 0) return isPublicAddress(parsed) ? undefined : PLAIN
  return blockOf(policy, parsed)
}

/** From the peer leftwards through everything the header lines say, as one list. */
function walk(policy: ProxyPolicy, head: RequestHead, peer: Address | undefined, first: Trust): string {
  if (first.clientHeader !== undefined) return named(head.headerValues(first.clientHeader), peer)
  const previous = entriesFromTheRight(head.headerValues("x-forwarded-for"))
  const steps = policy.hops > 0 ? policy.hops : MAX_HOPS
  let believed = peer
  let trust: Trust | undefined = first
  for (let step = 0; step < steps && trust !== undefined; step++) {
    for (let own = trust.ownEntries; own > 0; own--) previous()
    const entry = previous()
    const next = entry === undefined ? undefined : parseEntry(entry)
    if (next === undefined) break
    believed = next
    trust = policy.hops > 0 ? PLAIN : blockOf(policy, next)
  }
  return believed === undefined ? UNKNOWN : formatAddress(believed)
}

/** The one address of a header that a proxy sets; the proxy's own when it comes twice or is none. */
function named([value, ...more]: readonly string[], peer: Address | undefined): string {
  const client = value === undefined || more.length > 0 ? undefined : parseAddress(value.trim())
  const believed = client ?? peer
  return believed === undefined ? UNKNOWN : formatAddress(believed)
}

function entriesFromTheRight(lines: readonly string[]): () => string | undefined {
  let line = lines.length - 1
  let rest = lines[line]
  return () => {
    if (rest === undefined) return undefined
    const comma = rest.lastIndexOf(",")
    const entry = comma < 0 ? rest : rest.slice(comma + 1)
    rest = comma < 0 ? lines[--line] : rest.slice(0, comma)
    return entry
  }
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

function blockOf(policy: ProxyPolicy, address: Address): Block | undefined {
  return policy.blocks.find((block) => contains(block, address))
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
