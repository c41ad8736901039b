import type { Logger } from "../core/logger.ts"
import type { Store } from "../store/store.ts"

const EVERY_MS = 10 * 60_000
const DAY_MS = 24 * 3600_000
/** Longer than any access token lives and any clock is wrong, so that the feed never loses what still matters. */
const MARGIN_MS = 10 * 60_000

/** Deletes what has outlived its retention, a bounded piece at a time, now and every ten minutes. */
export function startUpkeep(input: {
  readonly store: Pick<Store, "purge">
  readonly logger: Logger
  readonly retentionDays: number
  readonly accessLifetimeSeconds: number
}): { stop(): void } {
  const { store, logger } = input
  const limits = {
    eventRetentionMs: input.retentionDays * DAY_MS,
    revocationRetentionMs: input.accessLifetimeSeconds * 1000 + MARGIN_MS,
  }
  let stopped = false
  const run = async (): Promise<void> => {
    try {
      while (!stopped && (await store.purge(limits)));
    } catch (error) {
      logger.warn({ err: error }, "upkeep failed; it is tried again in ten minutes")
    }
  }
  void run()
  const timer = setInterval(() => void run(), EVERY_MS)
  timer.unref()
  return {
    stop() {
      stopped = true
      clearInterval(timer)
    },
  }
}
