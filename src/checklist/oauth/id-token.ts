/**
 * Attack: a token that two parsers read in two ways, a token of another kind (an access or logout token), one that was made
 * for another party of the same provider, or one from another time.
 * Promise: besides all that the library checks, an ID token is three canonical parts of strict JSON, of type JWT or none; a
 * party that it names is us; it was issued between the beginning of this flow and now.
 * Source: RFC 8725, 2.7, 3.11 and 3.12; OpenID Connect Core 3.1.3.7.
 */
import { fromBase64url } from "../../core/bytes.ts"
import { parseStrictJsonBytes } from "../../core/json.ts"
import type { Claims } from "./identity.ts"

/** What clocks may differ, in seconds (T4). */
export const SKEW_SECONDS = 60

const MOST_CHARACTERS = 16_384

/**
 * The claims of a token whose form is unambiguous. Nobody has verified them: they may only decide what to compare with.
 * @returns undefined when the form is not strict, or the header says that it is something else
 */
export function peek(token: unknown): Claims | undefined {
  if (typeof token !== "string" || token.length > MOST_CHARACTERS) return undefined
  const parts = token.split(".")
  const [header, claims, signature] = parts.map((part) => fromBase64url(part))
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) {
    return undefined
  }
  const head = parseObject(header)
  return head !== undefined && isPlain(head.typ) ? parseObject(claims) : undefined
}

/** @returns why the verified claims of this flow do not hold, or undefined when they do */
export function faultOf(
  claims: Claims,
  expected: { readonly clientId: string; readonly startedAt: number; readonly now: number },
): string | undefined {
  const { azp, iat, exp } = claims
  // The library asks for it only beside several audiences.
  if (azp !== undefined && azp !== expected.clientId) return "the ID token was made for another party (azp)"
  const earliest = expected.startedAt / 1000 - SKEW_SECONDS
  const latest = expected.now / 1000 + SKEW_SECONDS
  if (!(typeof iat === "number" && iat >= earliest && iat <= latest)) {
    return "the ID token was not issued during this flow (iat)"
  }
  return Number.isFinite(exp) ? undefined : "the ID token has no finite end (exp)"
}

function parseObject(bytes: Uint8Array): Claims | undefined {
  const value = parseStrictJsonBytes(bytes)
  return Array.isArray(value) ? undefined : (value as Claims | undefined)
}

function isPlain(type: unknown): boolean {
  return type === undefined || (typeof type === "string" && /^(?:application\/)?jwt$/i.test(type))
}
