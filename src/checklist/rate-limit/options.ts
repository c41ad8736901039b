import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { parseRate, type Rate, type RateInput } from "./rate.ts"

export interface RateLimitOptions {
  /** Every request, per client address. Default `"600/minute"`: a busy page behind a small office's one address. */
  readonly perAddress?: RateInput
  /** Every request of a signed-in user, from any number of addresses. Default `"600/minute"`. */
  readonly perUser?: RateInput
  readonly login?: {
    /** Attempts of browsers that have not signed in to this account before, together. Default `"5/minute"`. */
    readonly perAccount?: RateInput
    /** Attempts of one browser that has. Default `"10/minute"`. */
    readonly perDevice?: RateInput
    /** Attempts of one address at any accounts. Default `"20/minute"`. */
    readonly perAddress?: RateInput
  }
  /** Refreshes, per client address. Default `"300/minute"`: as many browsers as share one address. */
  readonly refresh?: { readonly perAddress?: RateInput }
  /** Requests that may send a mail or that use its link, and password changes, per client address. Default `"10/minute"`. */
  readonly mail?: { readonly perAddress?: RateInput }
  /** Most keys in memory at once, 1,000 to 10,000,000. Default 100,000, about 20 MB when full. */
  readonly capacity?: number
  /**
   * What happens to limits by name while the place where processes count them together (Redis, else PostgreSQL) does not
   * answer. Default `"memory"`: each process counts for itself. `"refuse"`: what has such a limit gets 503.
   */
  readonly whenSharedIsGone?: "memory" | "refuse"
}

export interface RateLimitPolicy {
  readonly perAddress: Rate
  readonly perUser: Rate
  readonly login: { readonly perAccount: Rate; readonly perDevice: Rate; readonly perAddress: Rate }
  readonly refresh: { readonly perAddress: Rate }
  readonly mail: { readonly perAddress: Rate }
  readonly capacity: number
  readonly whenSharedIsGone: "memory" | "refuse"
}

const rate = z.unknown().optional()
const SCHEMA = z.strictObject({
  perAddress: rate,
  perUser: rate,
  login: z.strictObject({ perAccount: rate, perDevice: rate, perAddress: rate }).optional(),
  refresh: z.strictObject({ perAddress: rate }).optional(),
  mail: z.strictObject({ perAddress: rate }).optional(),
  capacity: z.number().optional(),
  whenSharedIsGone: z.enum(["memory", "refuse"]).optional(),
})

const CAPACITY = 100_000

export function readRateLimit(input: unknown, faults: Faults): RateLimitPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "rateLimit", faults) ?? {}
  const read = (given: unknown, path: string, standard: string) =>
    parseRate(given ?? standard, `rateLimit.${path}`, faults)
  const { login, refresh, mail } = options
  return Object.freeze({
    perAddress: read(options.perAddress, "perAddress", "600/minute"),
    perUser: read(options.perUser, "perUser", "600/minute"),
    login: Object.freeze({
      perAccount: read(login?.perAccount, "login.perAccount", "5/minute"),
      perDevice: read(login?.perDevice, "login.perDevice", "10/minute"),
      perAddress: read(login?.perAddress, "login.perAddress", "20/minute"),
    }),
    refresh: Object.freeze({ perAddress: read(refresh?.perAddress, "refresh.perAddress", "300/minute") }),
    mail: Object.freeze({ perAddress: read(mail?.perAddress, "mail.perAddress", "10/minute") }),
    capacity: readCapacity(options.capacity ?? CAPACITY, faults),
    whenSharedIsGone: options.whenSharedIsGone ?? "memory",
  })
}

function readCapacity(capacity: number, faults: Faults): number {
  if (Number.isInteger(capacity) && capacity >= 1000 && capacity <= 10_000_000) return capacity
  const problem = "it is not a whole number from 1,000 to 10,000,000"
  faults.add("rate-limit.capacity", "rateLimit.capacity", problem, `The default is ${CAPACITY}.`)
  return CAPACITY
}
