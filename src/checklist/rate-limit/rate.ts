import * as z from "zod"
import { type Faults, nearest, readBySchema } from "../../core/misuse.ts"

const UNITS: Readonly<Record<string, number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 }
const UNIT_NAMES = Object.keys(UNITS)

// Nothing is counted faster than this, and a table of remembered answers stays small.
const MOST = 1_000_000

/**
 * How much is allowed. `"5/minute"` is five at once and then one each 12 seconds; `"5/minute burst 10"` is ten at once and
 * then one each 12 seconds. Units: second, minute, hour, day.
 */
export type RateInput =
  | string
  | { readonly limit: number; readonly per: "second" | "minute" | "hour" | "day"; readonly burst?: number }

export interface Rate {
  /** How many may come at once after a long rest. */
  readonly burst: number
  /** Milliseconds after which one more is allowed. */
  readonly intervalMs: number
  /** Canonical, for example `5/minute` or `5/minute burst 10`. */
  readonly text: string
}

const SCHEMA = z.strictObject({
  limit: z.number(),
  per: z.enum(["second", "minute", "hour", "day"]),
  burst: z.number().optional(),
})

/** What stands in for a rate that could not be read; the fault stops the start before it is used. */
const SMALLEST: Rate = Object.freeze({ burst: 1, intervalMs: 86_400_000, text: "1/day" })

/** Reads a rate; what is wrong becomes a fault with the nearest right spelling. */
export function parseRate(input: unknown, path: string, faults: Faults): Rate {
  if (typeof input !== "string") {
    const parsed = readBySchema(SCHEMA, input, path, faults)
    return parsed === undefined ? SMALLEST : makeRate(parsed.limit, parsed.per, parsed.burst, path, faults)
  }
  const match = /^(\d{1,9})\/(second|minute|hour|day)(?: burst (\d{1,9}))?$/.exec(input)
  if (match === null) {
    faults.add("rate-limit.rate", path, "it is not a rate", hintFor(input))
    return SMALLEST
  }
  const [, limit, per = "", burst] = match
  return makeRate(Number(limit), per, burst === undefined ? undefined : Number(burst), path, faults)
}

/** The same rate so many times over: both the burst and the steady flow. */
export function multiplyRate(rate: Rate, factor: number): Rate {
  return Object.freeze({
    burst: rate.burst * factor,
    intervalMs: rate.intervalMs / factor,
    text: `${factor} times ${rate.text}`,
  })
}

function makeRate(limit: number, per: string, burst: number | undefined, path: string, faults: Faults): Rate {
  for (const [name, value] of [["limit", limit] as const, ["burst", burst ?? limit] as const]) {
    if (!Number.isInteger(value) || value < 1 || value > MOST) {
      const problem = `the ${name} is not a whole number from 1 to ${MOST}`
      faults.add("rate-limit.rate", path, problem, 'Write it like "5/minute" or "5/minute burst 10".')
      return SMALLEST
    }
  }
  const text = burst === undefined || burst === limit ? `${limit}/${per}` : `${limit}/${per} burst ${burst}`
  const intervalMs = ((UNITS[per] ?? 86_400) * 1000) / limit
  return Object.freeze({ burst: burst ?? limit, intervalMs, text })
}

/** Knows `5/min`, `5 per minute`, `5/m`, `5/minutes` and capitals. */
function hintFor(input: string): string {
  const loose = /^\s*(\d{1,9})\s*(?:\/|per|an?|each)\s*([a-z]{1,12})/i.exec(input)
  if (loose === null) return 'Write it like "5/minute" or "5/minute burst 10".'
  const [, limit = "", word = ""] = loose
  const unit = word.toLowerCase()
  const begun = UNIT_NAMES.find((name) => name.startsWith(unit) && unit.length > 0)
  const known = begun ?? nearest(unit, UNIT_NAMES)
  return known === undefined ? `The units are ${UNIT_NAMES.join(", ")}.` : `Did you mean "${limit}/${known}"?`
}
