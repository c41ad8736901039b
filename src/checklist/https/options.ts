import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface HttpsOptions {
  /** How long browsers remember to come by https only, in seconds. Default 31,536,000 (a year), which is also the least. */
  readonly hstsSeconds?: number
  /** Whether the browser may put the name on its built-in list. Default false: it is hard to take back. */
  readonly preload?: boolean
}

export interface HttpsPolicy {
  /** Whether a request that came by plain http is refused: on every origin but a loopback one. */
  readonly enforced: boolean
  /** 0 when no Strict-Transport-Security is sent. */
  readonly hstsSeconds: number
  /** Value of Strict-Transport-Security; undefined on a loopback name, which all projects of a developer share. */
  readonly hsts: string | undefined
}

const SCHEMA = z.strictObject({ hstsSeconds: z.int().optional(), preload: z.boolean().optional() })

/** ASVS 3.4.1: at least a year. */
const YEAR_SECONDS = 31_536_000

export function readHttps(input: unknown, origin: URL, faults: Faults): HttpsPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "https", faults) ?? {}
  const seconds = options.hstsSeconds ?? YEAR_SECONDS
  if (seconds < YEAR_SECONDS) {
    faults.add(
      "https.hsts",
      "https.hstsSeconds",
      "it is less than a year",
      `Give at least ${YEAR_SECONDS} seconds, or leave it out.`,
    )
  }
  const loopback = isLoopback(origin.hostname)
  if (origin.protocol === "http:" && !loopback) {
    faults.add(
      "https.origin",
      "origin",
      "plain http on a name that others can reach",
      `Use https://${origin.host}, or a loopback name for development.`,
    )
  }
  const enforced = origin.protocol === "https:"
  if (!enforced || loopback) return Object.freeze({ enforced, hstsSeconds: 0, hsts: undefined })
  const hsts = `max-age=${seconds}; includeSubDomains${options.preload === true ? "; preload" : ""}`
  return Object.freeze({ enforced, hstsSeconds: seconds, hsts })
}
