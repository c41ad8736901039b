/**
 * Attack: a forged, altered, foreign, outlived or mistaken token passes for an access token; a header that somebody else
 * wrote chooses algorithm or key.
 * Promise: the header is compared byte for byte with ours and never parsed; the signature comes before any claim; claims are
 * typed strictly and compared exactly; our keys sign nothing else. Verified tokens are remembered until they end.
 * Source: RFC 8725, RFC 9068, ASVS 9.1 and 9.2.
 */
import { toBase64url } from "../../core/bytes.ts"
import type { Clock } from "../../core/clock.ts"
import { derived, type Keys } from "../../core/keys.ts"
import { MisuseError } from "../../core/misuse.ts"
import { drawBytes } from "../../core/random.ts"
import { TokenCache } from "./cache.ts"
import {
  type ClaimFault,
  type Claims,
  isClaims,
  judgeClaims,
  type Parties,
  readClaims,
  toVerified,
  type Verified,
} from "./claims.ts"
import { splitCompact } from "./compact.ts"
import type { TokenPolicy } from "./options.ts"
import { makeSignature, verifySignature } from "./signature.ts"
import { makeSigningKey, type SigningKey } from "./signing-key.ts"
import { TurnQueue } from "./turn-queue.ts"

export interface TokenInput {
  readonly userId: string
  readonly sessionId: string
  /** Milliseconds since 1970. */
  readonly authenticatedAt: number
  readonly methods: readonly string[]
  readonly roles: readonly string[]
  readonly epoch: number
}

export interface IssuedToken {
  readonly token: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

/** `expired` is a genuine token past its end; every other reason means that it is none of ours. */
export type InvalidReason = "size" | "header" | "form" | "signature" | "claims" | ClaimFault | "expired"

export interface InvalidToken {
  readonly kind: "invalid"
  readonly reason: InvalidReason
}

export type TokenResult = Verified | InvalidToken

export interface Tokens {
  /** @throws MisuseError when the token would be larger than 8 KiB, or no verifier would take it */
  issue(input: TokenInput): IssuedToken
  /**
   * Judges a token, total for any text. At once for a remembered or an obviously bad one and within the turn's budget, else
   * by a promise, which rejects with UnavailableError when too many wait. Whether the session was revoked is not asked here.
   */
  verify(token: string): TokenResult | Promise<TokenResult>
  /** For logout: whose session a genuine token names, also past its end. */
  readSignedOut(token: string): { readonly sessionId: string; readonly userId: string } | undefined
  /** The public halves of all keys (RFC 7517), as JSON. */
  jwks(): string
  /** Of the key that signs: its JWK thumbprint. */
  readonly kid: string
  readonly algorithm: TokenPolicy["algorithm"]
  /** Remembered tokens. */
  readonly size: number
}

export interface TokensInput {
  readonly policy: TokenPolicy
  /** 32 bytes each, derived for `access-signing`: the first signs, all verify. */
  readonly keys: Keys
  readonly origin: URL
  readonly clock: Clock
  /** Remembered tokens at most. Default 10,000 (about 12 MB). */
  readonly cacheSize?: number
  /** Milliseconds, never going back; for tests. */
  readonly stopwatch?: () => number
}

const MOST_CHARACTERS = 8192
const DEFAULT_CACHE_SIZE = 10_000

export function createTokens(input: TokensInput): Tokens {
  const { policy, clock, cacheSize = DEFAULT_CACHE_SIZE } = input
  // With other keys goes what they have verified: a token of a key that is gone is none.
  const setNow = derived(input.keys, (seeds) => makeSet(policy.algorithm, seeds, cacheSize))
  const lifetime = policy.accessLifetimeSeconds
  const { origin, host } = input.origin
  const parties: Parties = { issuer: origin, audience: policy.audience ?? origin, clientId: host }
  const queue = new TurnQueue<TokenResult>(input.stopwatch ?? (() => performance.now()))

  function known(token: string, cache: TokenCache): TokenResult | undefined {
    const verified = cache.get(token)
    if (verified === undefined) return undefined
    return clock() >= verified.session.expiresAt ? INVALID.expired : verified
  }

  /** After a wait there may be other keys, and the same token may have waited in front of this one. */
  function first(token: string): TokenResult {
    const { keys, cache } = setNow()
    const remembered = known(token, cache)
    if (remembered !== undefined) return remembered
    const key = keyOf(token, keys)
    if (key === undefined) return INVALID.header
    const claims = readGenuine(token, key)
    if (typeof claims === "string") return INVALID[claims]
    const fault = judgeClaims(claims, parties, lifetime, clock())
    if (fault !== undefined) return INVALID[fault]
    if (clock() >= claims.exp * 1000) return INVALID.expired
    const verified = toVerified(claims)
    cache.set(token, verified)
    return verified
  }

  return {
    get kid() {
      return setNow().signer.kid
    },
    algorithm: policy.algorithm,
    get size() {
      return setNow().cache.size
    },
    jwks: () => setNow().jwks,

    issue(given) {
      const iat = Math.floor(clock() / 1000)
      const claims: Claims = {
        iss: parties.issuer,
        aud: parties.audience,
        sub: given.userId,
        sid: given.sessionId,
        client_id: parties.clientId,
        jti: drawBytes(16).toString("base64url"),
        iat,
        exp: iat + lifetime,
        auth_time: Math.floor(given.authenticatedAt / 1000),
        amr: given.methods,
        roles: given.roles,
        epoch: given.epoch,
      }
      if (!isClaims(claims)) throw misuse("token.bad_claims", "the claims would be refused", CLAIMS_FIX)
      const { signer, cache } = setNow()
      const signingInput = signer.head + toBase64url(Buffer.from(JSON.stringify(claims), "utf8"))
      const signature = makeSignature(signer.algorithm, signer.privateKey, signingInput)
      const token = `${signingInput}.${toBase64url(signature)}`
      if (token.length > MOST_CHARACTERS) {
        throw misuse("token.too_large", `it would be larger than ${MOST_CHARACTERS} bytes`, ROLES_FIX)
      }
      cache.set(token, toVerified(claims))
      return { token, expiresAt: claims.exp * 1000 }
    },

    verify(token) {
      const { keys, cache } = setNow()
      const remembered = known(token, cache)
      if (remembered !== undefined) return remembered
      if (token.length > MOST_CHARACTERS) return INVALID.size
      if (keyOf(token, keys) === undefined) return INVALID.header
      return queue.run(() => first(token))
    },

    readSignedOut(token) {
      const key = token.length > MOST_CHARACTERS ? undefined : keyOf(token, setNow().keys)
      const claims = key === undefined ? "header" : readGenuine(token, key)
      if (typeof claims === "string") return undefined
      // A token from before the lifetime was shortened still names its session.
      const fault = judgeClaims(claims, parties, Number.POSITIVE_INFINITY, clock())
      return fault === undefined ? { sessionId: claims.sid, userId: claims.sub } : undefined
    },
  }
}

/** Everything that is made from one list of root secrets. */
interface KeySet {
  readonly keys: readonly SigningKey[]
  readonly signer: SigningKey
  readonly jwks: string
  readonly cache: TokenCache
}

function makeSet(
  algorithm: TokenPolicy["algorithm"],
  seeds: readonly Uint8Array[],
  cacheSize: number,
): KeySet {
  const keys = seeds.map((seed) => makeSigningKey(algorithm, seed))
  const [signer] = keys
  if (signer === undefined) throw new TypeError("tokens need at least one key")
  const jwks = JSON.stringify({ keys: keys.map((key) => key.published) })
  return { keys, signer, jwks, cache: new TokenCache(cacheSize) }
}

/** Frozen and made once: a flood of bad tokens allocates nothing. */
const INVALID: Readonly<Record<InvalidReason, InvalidToken>> = Object.freeze(
  Object.fromEntries(
    (
      ["size", "header", "form", "signature", "claims", "parties", "lifetime", "future", "expired"] as const
    ).map((reason) => [reason, Object.freeze({ kind: "invalid", reason } as const)]),
  ) as Record<InvalidReason, InvalidToken>,
)

function keyOf(token: string, keys: readonly SigningKey[]): SigningKey | undefined {
  return keys.find((key) => token.startsWith(key.head))
}

/** The claims of a token that one of our keys signed, whatever they say. */
function readGenuine(token: string, key: SigningKey): Claims | "form" | "signature" | "claims" {
  const parts = splitCompact(token, key.head)
  if (parts === undefined) return "form"
  if (!verifySignature(key.verifyKey, parts.signingInput, parts.signature)) return "signature"
  return readClaims(parts.payload) ?? "claims"
}

const ROLES_FIX = "Give the account fewer or shorter roles."
const CLAIMS_FIX =
  "Pass ids, roles and methods that are not empty (256 characters at most) and whole numbers."

function misuse(code: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path: "access token", problem, fix }])
}
