import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface CsrfOptions {
  /** Same-site clients and listed origins, told by Fetch Metadata and Origin. The only mode built. */
  readonly mode?: "same-site"
}

export interface CsrfPolicy {
  readonly mode: "same-site"
  /** Own and listed origins, compared as whole strings. */
  readonly trusted: ReadonlySet<string>
}

const SCHEMA = z.strictObject({ mode: z.string().optional() })

export function readCsrf(
  input: unknown,
  from: { readonly origin: URL; readonly corsOrigins: readonly string[] },
  faults: Faults,
): CsrfPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "csrf", faults) ?? {}
  if (options.mode !== undefined && options.mode !== "same-site") {
    const built =
      options.mode === "token"
        ? "the token mode for cross-site clients is not built yet"
        : "there is no such mode"
    faults.add("csrf.not_built", "csrf.mode", built, 'Leave it out, or write "same-site".')
  }
  return Object.freeze({ mode: "same-site", trusted: new Set([from.origin.origin, ...from.corsOrigins]) })
}
