import { equalBytes, fromBase64url, labelledHmac, toBase64url } from "../../core/bytes.ts"
import type { Transport } from "../../core/session.ts"

/**
 * Attack: guessed, altered or half-known tokens, and a cookie's token presented where a script could read the answer.
 * Promise: only a string this service made, for this transport, is ever looked up; anything else is refused before the
 * store is asked and can end nobody's session. Its successor follows from the token itself and a salt in the row, so a
 * retry gets the same one on any instance and a stolen database holds nothing that can be presented.
 * Source: RFC 9700, section 4.14.2; ASVS 7.2.2, 7.2.3.
 */
export interface RefreshToken {
  /** Canonical base64url of 16 bytes. */
  readonly sessionId: string
  /** 1 at sign-in, one more with each rotation. */
  readonly generation: number
  readonly secret: Uint8Array
}

/** Greppable, so that secret scanners find a token that leaked into a repository or a log. */
export const REFRESH_TOKEN_PREFIX = "nlr1_"

const ID_BYTES = 16
const GENERATION_BYTES = 4
const SECRET_BYTES = 32
const MAC_BYTES = 16
const SECRET_AT = ID_BYTES + GENERATION_BYTES
const MAC_AT = SECRET_AT + SECRET_BYTES
const TOKEN_BYTES = MAC_AT + MAC_BYTES
/** Every refresh token has this length. */
export const REFRESH_TOKEN_LENGTH: number = REFRESH_TOKEN_PREFIX.length + Math.ceil((TOKEN_BYTES * 4) / 3)
/** At one rotation a second this is reached after 136 years; a token at the end has no successor and is refused. */
const LAST_GENERATION = 0xffff_ffff

const MAC_LABEL = "nightlatch refresh token"
const NEXT_LABEL = "nightlatch refresh successor"

export function formatRefreshToken(macKey: Uint8Array, transport: Transport, token: RefreshToken): string {
  const bytes = Buffer.alloc(TOKEN_BYTES)
  idBytes(token.sessionId).copy(bytes, 0)
  bytes.writeUInt32BE(token.generation, ID_BYTES)
  bytes.set(token.secret, SECRET_AT)
  macOf(macKey, transport, bytes).copy(bytes, MAC_AT)
  return REFRESH_TOKEN_PREFIX + toBase64url(bytes)
}

/**
 * The parts of a genuine token. Every key is tried whatever the earlier ones said, so that the time tells nothing about
 * which key made it.
 * @returns undefined for anything this service did not make for this transport
 */
export function parseRefreshToken(
  macKeys: readonly Uint8Array[],
  transport: Transport,
  text: string,
): RefreshToken | undefined {
  if (text.length !== REFRESH_TOKEN_LENGTH || !text.startsWith(REFRESH_TOKEN_PREFIX)) return undefined
  const bytes = fromBase64url(text.slice(REFRESH_TOKEN_PREFIX.length))
  if (bytes === undefined || bytes.length !== TOKEN_BYTES) return undefined
  const mac = bytes.subarray(MAC_AT)
  let genuine = false
  for (const key of macKeys) genuine = equalBytes(macOf(key, transport, bytes), mac) || genuine
  if (!genuine) return undefined
  const generation = bytes.readUInt32BE(ID_BYTES)
  if (generation === 0 || generation === LAST_GENERATION) return undefined
  return {
    sessionId: toBase64url(bytes.subarray(0, ID_BYTES)),
    generation,
    secret: bytes.subarray(SECRET_AT, MAC_AT),
  }
}

/** The one token that follows `parent`, given the salt the row keeps for it. */
export function succeedRefreshToken(
  nextKey: Uint8Array,
  parent: RefreshToken,
  salt: Uint8Array,
): RefreshToken {
  const generation = Buffer.alloc(GENERATION_BYTES)
  generation.writeUInt32BE(parent.generation + 1)
  const secret = labelledHmac(nextKey, NEXT_LABEL, idBytes(parent.sessionId), generation, salt, parent.secret)
  return { sessionId: parent.sessionId, generation: parent.generation + 1, secret }
}

function macOf(key: Uint8Array, transport: Transport, bytes: Buffer): Buffer {
  return labelledHmac(
    key,
    MAC_LABEL,
    Buffer.from(transport),
    bytes.subarray(0, ID_BYTES),
    bytes.subarray(ID_BYTES, SECRET_AT),
    bytes.subarray(SECRET_AT, MAC_AT),
  ).subarray(0, MAC_BYTES)
}

function idBytes(sessionId: string): Buffer {
  const bytes = fromBase64url(sessionId)
  if (bytes?.length !== ID_BYTES) throw new TypeError("a session id is base64url of 16 bytes")
  return bytes
}
