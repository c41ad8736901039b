import { fromBase64url, toBase64url } from "../../core/bytes.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Account, EndReason, MailFlow, MailFlowPurpose, StoredSession } from "../store.ts"
import type { Row, Value } from "./executor.ts"

/** Ids are base64url outside and 16 bytes inside; what is not an id matches nothing. */
export function toBlob(id: string): Uint8Array {
  return fromBase64url(id) ?? new Uint8Array(0)
}

export function toBlobOrNull(id: string | null | undefined): Uint8Array | null {
  return id === null || id === undefined ? null : toBlob(id)
}

export function readId(value: Value | undefined): string {
  if (value instanceof Uint8Array) return toBase64url(value)
  throw new UnavailableError("a row of the database has no id where one belongs")
}

export function readIdOrNull(value: Value | undefined): string | null {
  return value instanceof Uint8Array ? toBase64url(value) : null
}

export function readBytes(value: Value | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new UnavailableError("a row of the database has no bytes where some belong")
}

const numberOrNull = (value: Value | undefined): number | null => (typeof value === "number" ? value : null)

export function readAccount(row: Row): Account {
  return {
    id: readId(row.id),
    email: String(row.email),
    passwordHash: typeof row.password_hash === "string" ? row.password_hash : null,
    roles: JSON.parse(String(row.roles)) as string[],
    epoch: Number(row.epoch),
    failures: Number(row.failures),
    createdAt: Number(row.created_at),
    verifiedAt: numberOrNull(row.verified_at),
    disabledAt: numberOrNull(row.disabled_at),
    deletionAt: numberOrNull(row.deletion_at),
  }
}

export function readSession(row: Row): StoredSession {
  return {
    id: readId(row.id),
    accountId: readId(row.account_id),
    createdAt: Number(row.created_at),
    absoluteEnd: Number(row.absolute_end),
    idleEnd: Number(row.idle_end),
    generation: Number(row.generation),
    rotatedAt: numberOrNull(row.rotated_at),
    revokedAt: numberOrNull(row.revoked_at),
    reason: typeof row.reason === "string" ? (row.reason as EndReason) : null,
    transport: row.transport === "bearer" ? "bearer" : "cookie",
    persistent: row.persistent === 1,
    authenticatedAt: Number(row.authenticated_at),
    methods: JSON.parse(String(row.methods)) as string[],
    client: String(row.client),
    addressPrefix: String(row.address_prefix),
  }
}

/** Tries of a code; the statements say it too. */
const TRIES = 3

export function readFlow(row: Row): MailFlow {
  return {
    id: readId(row.id),
    purpose: String(row.purpose) as MailFlowPurpose,
    email: String(row.email),
    accountId: readIdOrNull(row.account_id),
    client: String(row.client),
    addressPrefix: String(row.address_prefix),
    persistent: row.persistent === 1,
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
    triesLeft: TRIES - Number(row.tries),
  }
}
