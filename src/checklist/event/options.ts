import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"

export interface EventOptions {
  /** How long events are kept, in days. Default 90. */
  readonly retentionDays?: number
}

export interface EventPolicy {
  readonly retentionDays: number
}

const SCHEMA = z.strictObject({ retentionDays: z.int().min(1).max(3650).optional() })

export function readEvent(input: unknown, faults: Faults): EventPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "event", faults)
  return Object.freeze({ retentionDays: options?.retentionDays ?? 90 })
}
