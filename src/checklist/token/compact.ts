import { fromBase64url } from "../../core/bytes.ts"
import { SIGNATURE_BYTES } from "./signature.ts"

/** Characters of 64 bytes in base64url. */
const SIGNATURE_CHARACTERS = Math.ceil((SIGNATURE_BYTES * 4) / 3)

export interface CompactToken {
  /** What was signed: header and payload with the dot between them. */
  readonly signingInput: string
  /** Still encoded: nothing is decoded before the signature was verified. */
  readonly payload: string
  readonly signature: Buffer
}

/**
 * Splits a token that begins with `head` (which ends in a dot): exactly one payload and one signature after it, the
 * signature canonical and of the one length there is. Source: RFC 7515, section 3.1.
 */
export function splitCompact(token: string, head: string): CompactToken | undefined {
  const dot = token.length - SIGNATURE_CHARACTERS - 1
  if (!token.startsWith(head) || dot <= head.length || token.indexOf(".", head.length) !== dot)
    return undefined
  const signature = fromBase64url(token.slice(dot + 1))
  if (signature === undefined) return undefined
  return { signingInput: token.slice(0, dot), payload: token.slice(head.length, dot), signature }
}
