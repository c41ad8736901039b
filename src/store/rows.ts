import { fromBase64url, toBase64url } from "../core/bytes.ts"
import type { EventType, SecurityEvent } from "../core/event.ts"
import { UnavailableError } from "../core/unavailable.ts"
import type { Account, EndReason, MailFlow, MailFlowPurpose, StoredSession } from "./store.ts"

/** A row of either engine: SQLite has no booleans and no JSON, and says 1 and a text. */
type Row = Readonly<Record<string, unknown>>

/** Ids are base64url outside and 16 bytes inside; what is not an id matches nothing. */
export function toBlob(id: string): Uint8Array {
  return fromBase64url(id) ?? new Uint8Array(0)
}

export function toBlobOrNull(id: string | null | undefined): Uint8Array | null {
  return id === null || id === undefined ? null : toBlob(id)
}

export function readId(value: unknown): string {
  if (value instanceof Uint8Array) return toBase64url(value)
  throw new UnavailableError("a row of the database has no id where one belongs")
}

export function readIdOrNull(value: unknown): string | null {
  return value instanceof Uint8Array ? toBase64url(value) : null
}

export function readBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new UnavailableError("a row of the database has no bytes where some belong")
}

const isTrue = (value: unknown): boolean => value === true || value === 1

const readList = (value: unknown): readonly string[] =>
  Array.isArray(value) ? (value as string[]) : (JSON.parse(String(value)) as string[])

const numberOrNull = (value: unknown): number | null => (typeof value === "number" ? value : null)

export function readAccount(row: Row): Account {
  return {
    id: readId(row.id),
    email: String(row.email),
    passwordHash: typeof row.password_hash === "string" ? row.password_hash : null,
    roles: readList(row.roles),
    epoch: Number(row.epoch),
    failures: Number(row.failures),
    createdAt: Number(row.created_at),
    verifiedAt: numberOrNull(row.verified_at),
    disabledAt: numberOrNull(row.disabled_at),
    deletionAt: numberOrNull(row.deletion_at),
  }
}

/** The account beside its session in one row, its columns called `account_…`. */
export function readOwner(row: Row): Account {
  return readAccount({
    id: row.account_id,
    email: row.account_email,
    password_hash: row.account_password_hash,
    roles: row.account_roles,
    epoch: row.account_epoch,
    failures: row.account_failures,
    created_at: row.account_created_at,
    verified_at: row.account_verified_at,
    disabled_at: row.account_disabled_at,
    deletion_at: row.account_deletion_at,
  })
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
    persistent: isTrue(row.persistent),
    authenticatedAt: Number(row.authenticated_at),
    methods: readList(row.methods),
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
    persistent: isTrue(row.persistent),
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
    triesLeft: TRIES - Number(row.tries),
  }
}

export function readEvent(row: Row): SecurityEvent {
  const accountId = readIdOrNull(row.account_id)
  const sessionId = readIdOrNull(row.session_id)
  const detail = typeof row.detail === "string" ? JSON.parse(row.detail) : row.detail
  return {
    id: Number(row.id),
    at: Number(row.at),
    type: String(row.type) as EventType,
    count: Number(row.count),
    ...(accountId === null ? {} : { accountId }),
    ...(sessionId === null ? {} : { sessionId }),
    ...(typeof row.address_prefix === "string" ? { addressPrefix: row.address_prefix } : {}),
    ...(typeof row.client === "string" ? { client: row.client } : {}),
    ...(detail === null ? {} : { detail: detail as Record<string, string | number> }),
  }
}
