/**
 * Attack: one key in two purposes turns an honest endpoint into a signing oracle for another one, and a key shared by two
 * installations lets the test system sign for the real one.
 * Promise: every purpose and every origin has a key of its own, derived from the root secret; knowing one tells nothing
 * about another, nor about the root. The first secret signs, all of them verify, so that secrets can be rotated.
 * Source: RFC 5869; CVE-2026-121802 and CVE-2026-110864 (one secret, two purposes).
 */
import { hash, hkdfSync } from "node:crypto"
import type { Keys } from "../../core/keys.ts"

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

/** What another list of root secrets changed. */
export interface Replaced {
  readonly added: number
  readonly removed: number
  /** Whether another one signs. */
  readonly signing: boolean
}

/** Bytes of a derived key. */
const KEY_BYTES = 32

/** What one root secret is called in a database or before a person, by its key of the label `secret-id`. */
export function secretIdOf(key: Uint8Array): string {
  return hash("sha256", key, "base64url").slice(0, 22)
}

/** The keys of one installation. The root secrets stay inside and are shown by no printer. */
export class KeyRing {
  #secrets: readonly string[]
  readonly #origin: string
  readonly #derived = new Map<KeyLabel, { list: readonly Buffer[] }>()

  /** @param secrets already judged by `readSecrets`; none while they are still to be asked for */
  constructor(secrets: readonly string[], origin: URL) {
    this.#secrets = Object.freeze([...secrets])
    this.#origin = origin.origin
  }

  /** How many root secrets there are. */
  get count(): number {
    return this.#secrets.length
  }

  /** One key of 32 bytes for each root secret, in their order: the first signs, all verify. Follows `replace`. */
  keys(label: KeyLabel): Keys {
    let keys = this.#derived.get(label)
    if (keys === undefined) {
      keys = { list: this.#derive(label) }
      this.#derived.set(label, keys)
    }
    return keys
  }

  /**
   * Puts other root secrets in the place of these, for all purposes at once: nobody sees one purpose before and another one
   * after the change.
   * @param secrets already judged, at least one
   * @returns undefined when they are the same in the same order, else how many are new and how many are gone
   */
  replace(secrets: readonly string[]): Replaced | undefined {
    const before = this.#secrets
    if (secrets.length === before.length && secrets.every((secret, at) => secret === before[at]))
      return undefined
    this.#secrets = Object.freeze([...secrets])
    const lists = [...this.#derived.keys()].map((label) => this.#derive(label))
    for (const [at, keys] of [...this.#derived.values()].entries()) keys.list = lists[at] ?? []
    return {
      added: secrets.filter((secret) => !before.includes(secret)).length,
      removed: before.filter((secret) => !secrets.includes(secret)).length,
      signing: secrets[0] !== before[0],
    }
  }

  #derive(label: KeyLabel): readonly Buffer[] {
    const info = `nightlatch/1 | ${label} | ${this.#origin}`
    return Object.freeze(
      this.#secrets.map((secret) => Buffer.from(hkdfSync("sha256", secret, "", info, KEY_BYTES))),
    )
  }
}
