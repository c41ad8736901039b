import { equalBytes, sha256 } from "../../core/bytes.ts"
import { derived, type Keys } from "../../core/keys.ts"
import type { Transport } from "../../core/session.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { formatRefreshToken, type RefreshToken, succeedRefreshToken } from "./refresh-token.ts"

/** The keys of this room, one of each label per root secret, in the same order. */
export interface SessionKeys {
  keys(label: "refresh-mac" | "refresh-next"): Keys
}

/** What one root secret gives to a session's tokens. */
export interface Root {
  readonly mac: Uint8Array
  readonly next: Uint8Array
}

/** All roots, the one that signs first, and their mac keys. */
export interface Roots {
  readonly all: readonly Root[]
  readonly signing: Root
  readonly macKeys: readonly Uint8Array[]
}

/** One request keeps what it got, so that all of a token comes from one root. */
export function pairKeys(ring: SessionKeys): () => Roots {
  const nextKeys = ring.keys("refresh-next")
  return derived(ring.keys("refresh-mac"), (macKeys) => {
    const all = macKeys.map((mac, index) => {
      const next = nextKeys.list[index]
      if (next === undefined) throw new TypeError("each root secret gives one key per label")
      return { mac, next }
    })
    const [signing] = all
    if (signing === undefined) throw new TypeError("at least one root secret is needed")
    return { all, signing, macKeys }
  })
}

/**
 * The successor that the store keeps, made again. It was signed by whichever root secret came first at that moment, so
 * each is tried; the mac comes from the same root, or the retry would hand out a second string of one generation.
 */
export function repeatSuccessor(
  roots: readonly Root[],
  transport: Transport,
  parent: RefreshToken,
  kept: { readonly salt: Uint8Array; readonly currentHash: Uint8Array },
): string {
  for (const root of roots) {
    const next = succeedRefreshToken(root.next, parent, kept.salt)
    if (equalBytes(sha256(next.secret), kept.currentHash)) {
      return formatRefreshToken(root.mac, transport, next)
    }
  }
  // This instance lacks a secret that its neighbours have: another one can answer, so the client shall try again.
  throw new UnavailableError("no configured secret made the current refresh token of a session")
}
