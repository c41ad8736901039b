/**
 * Attack: one key in two purposes turns an honest endpoint into a signing oracle for another one, and a key shared by two
 * installations lets the test system sign for the real one.
 * Promise: every purpose and every origin has a key of its own, derived from the root secret; knowing one tells nothing
 * about another, nor about the root. The first secret signs, all of them verify, so that secrets can be rotated.
 * Source: RFC 5869; CVE-2026-121802 and CVE-2026-110864 (one secret, two purposes).
 */
import { hkdfSync } from "node:crypto"

export const KEY_LABELS = [
  "access-signing",
  "refresh-mac",
  "refresh-next",
  "email-code",
  "oauth-flow",
  "pending-link",
  "provider-tokens",
  "known-device",
  "limit-key",
  "secret-id",
  "bot-check",
] as const

export type KeyLabel = (typeof KEY_LABELS)[number]

/** Bytes of a derived key. */
const KEY_BYTES = 32

/** The keys of one installation. The root secrets stay inside and are shown by no printer. */
export class KeyRing {
  readonly #secrets: readonly string[]
  readonly #origin: string
  readonly #derived = new Map<KeyLabel, readonly Buffer[]>()

  /** @param secrets already judged by `readSecrets`; at least one */
  constructor(secrets: readonly string[], origin: URL) {
    this.#secrets = [...secrets]
    this.#origin = origin.origin
  }

  /** How many root secrets there are. */
  get count(): number {
    return this.#secrets.length
  }

  /** One key of 32 bytes for each root secret, in their order: the first signs, all verify. */
  keys(label: KeyLabel): readonly Buffer[] {
    const known = this.#derived.get(label)
    if (known !== undefined) return known
    const info = `nightlatch/1 | ${label} | ${this.#origin}`
    const keys = Object.freeze(
      this.#secrets.map((secret) => Buffer.from(hkdfSync("sha256", secret, "", info, KEY_BYTES))),
    )
    this.#derived.set(label, keys)
    return keys
  }
}
