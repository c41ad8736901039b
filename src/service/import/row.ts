import { type FirebaseParameters, firebaseHash, readHash } from "../../checklist/password/index.ts"
import { normaliseMailAddress } from "../../flows/mail/index.ts"
import type { ImportedAccount } from "../../store/store.ts"
import { faultOfRoles } from "../roles.ts"

/** What a row says of an account, read. */
export interface Row extends Omit<ImportedAccount, "id" | "events"> {
  /** It had a hash that is not taken over, since nobody has proved the mailbox. */
  readonly withoutPassword: boolean
}

export interface RowSettings {
  /** For rows that do not say whether the address was proved; undefined: such a row is a fault. */
  readonly verified: boolean | undefined
  readonly firebase: FirebaseParameters | undefined
}

/** The columns, each with the other names it is known by in exports. */
export const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  email: [],
  hash: ["passwordHash", "password_hash"],
  salt: ["passwordSalt", "password_salt"],
  roles: [],
  verified: ["emailVerified", "email_verified"],
  created_at: ["createdAt"],
  disabled: [],
}

/** The column that a name stands for. */
export function columnOf(name: string): string | undefined {
  for (const [column, others] of Object.entries(COLUMNS))
    if (name === column || others.includes(name)) return column
  return undefined
}

const TRUE: readonly unknown[] = [true, "true", "TRUE", "True", "t", "1", 1]
const FALSE: readonly unknown[] = [false, "false", "FALSE", "False", "f", "0", 0]
/** Epoch numbers below it are seconds: as milliseconds they would be before 1973. */
const FIRST_MILLISECONDS = 100_000_000_000
const TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?$/

class RowFault extends Error {}

/** @returns what is wrong, as a sentence without anything of the row, when it cannot be taken */
export function readRow(
  values: Readonly<Record<string, unknown>>,
  settings: RowSettings,
  now: number,
): Row | string {
  try {
    return read(values, settings, now)
  } catch (error) {
    if (error instanceof RowFault) return error.message
    throw error
  }
}

function read(values: Readonly<Record<string, unknown>>, settings: RowSettings, now: number): Row {
  const email = readEmail(values.email)
  const verified = readFlag(values.verified, "verified") ?? settings.verified
  if (verified === undefined) throw new RowFault("verified is missing (--verified says it for all such rows)")
  const roles = readRoles(values.roles)
  const wrongRoles = faultOfRoles(roles)
  if (wrongRoles !== undefined) throw new RowFault(wrongRoles)
  const hash = readPassword(values, settings.firebase)
  return {
    email,
    // Whoever registered a mailbox without proving it must not keep a way into it.
    passwordHash: verified ? hash : null,
    withoutPassword: !verified && hash !== null,
    roles,
    verified,
    disabled: readFlag(values.disabled, "disabled") ?? false,
    createdAt: readTime(values.created_at, now),
  }
}

function readEmail(value: unknown): string {
  const text = readText(value, "email")
  if (text === undefined) throw new RowFault("email is missing")
  const address = normaliseMailAddress(text)
  if (address === undefined) throw new RowFault("email is not a mail address")
  return address
}

function readPassword(
  values: Readonly<Record<string, unknown>>,
  firebase: FirebaseParameters | undefined,
): string | null {
  const hash = readText(values.hash, "hash")
  const salt = readText(values.salt, "salt")
  if (hash === undefined) return null
  if (firebase !== undefined && salt === undefined) throw new RowFault("salt is missing beside the hash")
  if (firebase === undefined && salt !== undefined)
    throw new RowFault("there is a salt, but no --firebase to use it with")
  const text = firebase === undefined || salt === undefined ? hash : firebaseHash(firebase, salt, hash)
  const found = readHash(text)
  if (found.kind === "unusable") throw new RowFault(`the hash cannot be used: ${found.why}`)
  return text
}

function readRoles(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((role) => typeof role === "string")) return value
  return (readText(value, "roles") ?? "").split(/[\s,;|]+/).filter((role) => role !== "")
}

function readFlag(value: unknown, name: string): boolean | undefined {
  if (isNothing(value)) return undefined
  if (TRUE.includes(value)) return true
  if (FALSE.includes(value)) return false
  throw new RowFault(`${name} is neither true nor false`)
}

function readTime(value: unknown, now: number): number | undefined {
  if (isNothing(value)) return undefined
  const text = String(value)
  const at = /^\d{1,15}$/.test(text)
    ? Number(text) * (Number(text) < FIRST_MILLISECONDS ? 1000 : 1)
    : TIME.test(text)
      ? Date.parse(withZone(text))
      : Number.NaN
  if (!(at >= 0))
    throw new RowFault("created_at is no time: write 2026-01-31T12:00:00Z, or seconds or milliseconds")
  if (at > now) throw new RowFault("created_at is in the future")
  return Math.floor(at)
}

/** A time without a zone is UTC, as databases export it; `+00` is what PostgreSQL writes for `+00:00`. */
function withZone(text: string): string {
  const whole = text
    .replace(" ", "T")
    .replace(/([+-]\d\d)(\d\d)?$/, (zone, hours, minutes) =>
      text.length > 10 ? `${hours}:${minutes ?? "00"}` : zone,
    )
  return /T/.test(whole) && !/(?:Z|[+-]\d\d:\d\d)$/.test(whole) ? `${whole}Z` : whole
}

function readText(value: unknown, name: string): string | undefined {
  if (isNothing(value)) return undefined
  if (typeof value !== "string") throw new RowFault(`${name} is not a text`)
  if (value.includes("\ufffd") || !value.isWellFormed()) throw new RowFault(`${name} is not UTF-8`)
  return value
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === ""
}
