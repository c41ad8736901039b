import type { Revocations } from "../checklist/session/index.ts"
import type { Logger } from "../core/logger.ts"
import type { Account, Store } from "../store/store.ts"

const EVERY_MS = 10 * 60_000
/** Walking through all sessions reads the whole table. */
const WALK_EVERY_MS = 3_600_000
const DAY_MS = 24 * 3600_000
/** Longer than any access token lives and any clock is wrong, so that the feed never loses what still matters. */
const MARGIN_MS = 10 * 60_000

const DELETIONS_AT_ONCE = 50

/** Deletes what has outlived its retention, a bounded piece at a time, and accounts whose waiting time is over: now and every ten minutes. */
export function startUpkeep(input: {
  readonly store: Pick<Store, "purge" | "listDueDeletions" | "deleteAccount" | "countForeignHashes">
  readonly revocations: Pick<Revocations, "note">
  /** After the commit, for the application's hook. */
  readonly onDeleted: (account: Account) => void
  readonly logger: Logger
  readonly retentionDays: number
  readonly accessLifetimeSeconds: number
}): {
  /** Accounts whose hash another system made, when last counted. */
  readonly foreignHashes: number
  stop(): void
} {
  const { store, logger } = input
  const limits = {
    eventRetentionMs: input.retentionDays * DAY_MS,
    revocationRetentionMs: input.accessLifetimeSeconds * 1000 + MARGIN_MS,
  }
  let stopped = false
  let foreignHashes = 0
  let walkedAt = Number.NEGATIVE_INFINITY

  async function purge(): Promise<void> {
    const walks = performance.now() - walkedAt >= WALK_EVERY_MS
    if (walks) walkedAt = performance.now()
    let after = walks ? "" : undefined
    for (let more = true; more && !stopped; ) ({ more, after } = await store.purge({ ...limits, after }))
  }

  async function deleteDue(): Promise<boolean> {
    const due = await store.listDueDeletions(DELETIONS_AT_ONCE)
    for (const { id } of due) {
      const events = [{ type: "account.deleted", accountId: id, detail: { by: "owner" } }] as const
      const result = await store.deleteAccount({ accountId: id, events })
      if (result.kind === "unknown") continue
      for (const sessionId of result.revoked) input.revocations.note(sessionId)
      input.onDeleted(result.account)
    }
    return due.length === DELETIONS_AT_ONCE
  }

  const run = async (): Promise<void> => {
    try {
      await purge()
      while (!stopped && (await deleteDue()));
      if (!stopped) foreignHashes = await store.countForeignHashes()
    } catch (error) {
      logger.warn({ err: error }, "upkeep failed; it is tried again in ten minutes")
    }
  }
  void run()
  const timer = setInterval(() => void run(), EVERY_MS)
  timer.unref()
  return {
    get foreignHashes() {
      return foreignHashes
    },
    stop() {
      stopped = true
      clearInterval(timer)
    },
  }
}
