/**
 * Attack: the answer of a provider's widget, which proves a person somewhere at some time, presented for something else.
 * Promise: beside it goes a ticket of ours for one route and ten minutes; it is redeemed once, and a widget that can carry
 * something along carries it.
 */
import { randomBytes } from "node:crypto"
import { equalBytes, fromBase64url, labelledHmac, toBase64url } from "../../core/bytes.ts"

export interface Ticket {
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  /** Seconds since 1970. */
  readonly expires: number
  /** Names the ticket for its redemption. */
  readonly id: Buffer
}

const LABEL = "nightlatch bot check"
const ID_BYTES = 16
const TIME_BYTES = 6
const MAC_AT = ID_BYTES + 2 * TIME_BYTES
const BYTES = MAC_AT + 32
const TEXT_LENGTH = Math.ceil((BYTES * 4) / 3)

export function makeTicket(
  key: Uint8Array,
  asked: { readonly route: string; readonly now: number; readonly expires: number },
): string {
  const bytes = Buffer.alloc(BYTES)
  bytes.set(randomBytes(ID_BYTES))
  bytes.writeUIntBE(asked.now, ID_BYTES, TIME_BYTES)
  bytes.writeUIntBE(asked.expires, ID_BYTES + TIME_BYTES, TIME_BYTES)
  macOf(key, asked.route, bytes).copy(bytes, MAC_AT)
  return toBase64url(bytes)
}

/** @returns undefined for what none of the keys made for this route */
export function readTicket(keys: readonly Uint8Array[], route: string, text: string): Ticket | undefined {
  const bytes = text.length === TEXT_LENGTH ? fromBase64url(text) : undefined
  if (bytes?.length !== BYTES) return undefined
  let genuine = false
  for (const key of keys) genuine = equalBytes(macOf(key, route, bytes), bytes.subarray(MAC_AT)) || genuine
  if (!genuine) return undefined
  return {
    issuedAt: bytes.readUIntBE(ID_BYTES, TIME_BYTES),
    expires: bytes.readUIntBE(ID_BYTES + TIME_BYTES, TIME_BYTES),
    id: Buffer.from(bytes.subarray(0, ID_BYTES)),
  }
}

function macOf(key: Uint8Array, route: string, bytes: Buffer): Buffer {
  return labelledHmac(key, LABEL, Buffer.from(route), bytes.subarray(0, MAC_AT))
}
