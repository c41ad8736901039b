import { MisuseError } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"

/**
 * What may be said of a failure. The server's own words can hold values of a row, so of those only the classes are told
 * that are about the connection, the statement, rights and resources: https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
const TOLD = /^(?:08|25|28|3D|42|53|57|58)/

/** Deadlock, or a serialisation failure where the server's default isolation is stricter than ours. */
const AGAIN: ReadonlySet<unknown> = new Set(["40001", "40P01"])

export const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

/** A statement that was planned before a migration changed what it selects; nothing of it was carried out. */
export function isOutdated(error: unknown): boolean {
  return codeOf(error) === "0A000" && (error as { routine?: unknown }).routine === "RevalidateCachedQuery"
}

/** Nothing of the attempt was kept, and the next one may well succeed. */
export const isWorthRepeating = (error: unknown): boolean => AGAIN.has(codeOf(error))

/** Whether the server itself refused the statement: then the connection is still good. */
export function isFromServer(error: unknown): boolean {
  const { severity } = (error ?? {}) as { severity?: unknown }
  return severity === "ERROR" && /^[0-9A-Z]{5}$/.test(String(codeOf(error)))
}

/** Without the query, its values, or what the connection was made of. */
export function unavailable(error: unknown): UnavailableError | MisuseError {
  if (error instanceof UnavailableError || error instanceof MisuseError) return error
  const cause = new Error(describe(error))
  return new UnavailableError("the database failed", Object.assign(cause, { code: codeOf(error) }))
}

/** The server's code of what `unavailable` made, if the server gave one. */
export function sqlStateOf(error: unknown): unknown {
  return codeOf(error instanceof UnavailableError ? error.cause : error)
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return "unknown"
  const { code, constraint } = error as { code?: unknown; constraint?: unknown }
  if (typeof code !== "string") return error.message
  // Sockets and names (ECONNREFUSED) have words of Node's own.
  const told = /^[0-9A-Z]{5}$/.test(code) && !TOLD.test(code) ? "" : `: ${error.message}`
  return `${code}${typeof constraint === "string" ? ` (${constraint})` : ""}${told}`
}
