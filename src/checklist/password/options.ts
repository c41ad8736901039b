import { availableParallelism } from "node:os"
import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { MOST_WORK_KIB } from "./phc.ts"

export interface PasswordOptions {
  /** Fewest characters of a new password. Default and least 15, since it is the only factor (NIST SP 800-63B-4, 3.1.1.2). */
  readonly minimumLength?: number
  /** Memory of one hash in KiB. Default and least 19,456 (OWASP password storage). */
  readonly memoryKib?: number
  /** Passes of one hash over its memory. Default and least 2. */
  readonly passes?: number
  /**
   * Hashes at the same time. Default: one less than the processors, and at most 3, because they run in libuv's pool of 4
   * threads, which files and name look-ups share. With a larger UV_THREADPOOL_SIZE it may be more, up to one less.
   */
  readonly concurrency?: number
  /** Seconds of work that may wait; what comes on top is refused. Default 2. */
  readonly queueSeconds?: number
  /** Words a guesser of this service tries first, besides its host: the product, the company. Default none. */
  readonly contextWords?: readonly string[]
}

export interface PasswordPolicy {
  readonly minimumLength: number
  readonly memoryKib: number
  readonly passes: number
  readonly concurrency: number
  readonly queueMs: number
  readonly contextWords: readonly string[]
}

const SCHEMA = z.strictObject({
  minimumLength: z.number().optional(),
  memoryKib: z.number().optional(),
  passes: z.number().optional(),
  concurrency: z.number().optional(),
  queueSeconds: z.number().optional(),
  contextWords: z.array(z.string()).optional(),
})

const UV_POOL = 4

export function readPassword(input: unknown, faults: Faults): PasswordPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "password", faults) ?? {}
  const concurrency = Math.max(1, Math.min(availableParallelism() - 1, UV_POOL - 1))
  const whole = (name: string, value: number, least: number, most: number, why: string): number => {
    if (Number.isInteger(value) && value >= least && value <= most) return value
    const problem = `it is not a whole number from ${least} to ${most}`
    faults.add(`password.${NAMES[name] ?? "range"}`, `password.${name}`, problem, why)
    return least
  }
  const memory = "Less than 19456 KiB and 2 passes is weaker than OWASP's minimum for argon2id."
  if ((options.memoryKib ?? 19_456) * (options.passes ?? 2) > MOST_WORK_KIB) {
    const problem = `memoryKib times passes is more than ${MOST_WORK_KIB}`
    faults.add("password.range", "password", problem, "A hash would take many seconds; lower one of them.")
  }
  return Object.freeze({
    minimumLength: whole(
      "minimumLength",
      options.minimumLength ?? 15,
      15,
      64,
      "15 is the least while the password is the only factor; more than 64 nobody has to accept.",
    ),
    memoryKib: whole("memoryKib", options.memoryKib ?? 19_456, 19_456, 1_048_576, memory),
    passes: whole("passes", options.passes ?? 2, 2, 16, memory),
    concurrency: whole(
      "concurrency",
      options.concurrency ?? concurrency,
      1,
      127,
      "Leave it out: one less than the processors, at most 3.",
    ),
    queueMs: 1000 * whole("queueSeconds", options.queueSeconds ?? 2, 1, 10, "The default is 2 seconds."),
    contextWords: Object.freeze([...(options.contextWords ?? [])]),
  })
}

const NAMES: Readonly<Record<string, string>> = {
  minimumLength: "minimum_length",
  memoryKib: "weak_hash",
  passes: "weak_hash",
}
