import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface EmailLinkOptions {
  /** Whether people may sign in by a link or code from their mail. Default true. */
  readonly enabled?: boolean
  /** Whether an unknown address becomes an account when its link is used, if `registration` is open. Default true. */
  readonly registers?: boolean
  /** Seconds a link and its code work, 60 to 600. Default 600. */
  readonly lifetimeSeconds?: number
  /** Links and codes for one address, strangers and its own browsers counted apart: default 5 an hour, 15 a day. */
  readonly perHour?: number
  readonly perDay?: number
}

export interface EmailLinkPolicy {
  readonly enabled: boolean
  readonly registers: boolean
  readonly lifetimeMs: number
  readonly perHour: number
  readonly perDay: number
}

// ASVS 6.5.5: at most ten minutes for what is sent out of band.
const LIFETIME_SECONDS = 600

const SCHEMA = z.strictObject({
  enabled: z.boolean().default(true),
  registers: z.boolean().default(true),
  lifetimeSeconds: z.int().min(60).max(LIFETIME_SECONDS).default(LIFETIME_SECONDS),
  // Three tries each: 15 a day are 45 guesses at a million codes, and each needs the asking browser's cookie besides.
  perHour: z.int().min(1).max(20).default(5),
  perDay: z.int().min(1).max(50).default(15),
})

/** Reads `emailLink`; what is wrong becomes faults, and the defaults stand in. */
export function readEmailLink(input: unknown, faults: Faults): EmailLinkPolicy {
  const read = readBySchema(SCHEMA, input ?? {}, "emailLink", faults) ?? SCHEMA.parse({})
  if (read.perHour > read.perDay) {
    faults.add(
      "email-link.limits",
      "emailLink.perDay",
      "an hour would allow more than a day",
      "Make perDay at least perHour.",
    )
  }
  const { enabled, registers, perHour, perDay } = read
  return Object.freeze({ enabled, registers, perHour, perDay, lifetimeMs: read.lifetimeSeconds * 1000 })
}
