/** What both engines do alike with what is known of root secrets. */
import type { KnownSecret, SecretHolder } from "./secret-verbs.ts"

type Row = Readonly<Record<string, unknown>>

/** Processes say each minute what they have: two and a half of them. */
export const HOLDER_LIVES_MS = 150_000
export const FORGOTTEN_MS = 3_600_000
/** As long as a session may live by any configuration. */
export const SECRET_KEPT_MS: number = 400 * 24 * 3_600_000

export function readKnownSecret(row: Row): KnownSecret {
  return {
    id: String(row.id),
    knownAt: Number(row.known_at),
    signedAt: row.signed_at === null ? undefined : Number(row.signed_at),
  }
}

export function readHolder(row: Row): SecretHolder {
  return {
    instance: String(row.instance),
    address: String(row.address),
    secret: String(row.secret),
    place: Number(row.place),
    since: Number(row.since),
  }
}
