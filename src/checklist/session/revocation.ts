import type { Clock } from "../../core/clock.ts"
import type { Logger } from "../../core/logger.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Store } from "../../store/store.ts"

/**
 * Attack: an access token that goes on working after sign-out, theft, a password change or a lost role.
 * Promise: refused at once in this process and within 2 s in every other, without a store read per request. When the
 * store has not been heard for 10 s nothing is accepted (503), since silence could hide a revocation.
 * Source: ASVS 7.4.1, 8.3.2; RFC 9700, section 4.14.2.
 */
export interface Revocations {
  isRevoked(sessionId: string): boolean
  /** The lowest epoch an access token of the account may carry; 0 when nothing changed lately. */
  epochOf(accountId: string): number
  /** Milliseconds since 1970: no access token that was issued before it is accepted, since the store was restored then. */
  readonly notBefore: number
  /** Whether the set is recent enough to be believed. */
  fresh(now: number): boolean
  /** Milliseconds since the last answer of the store was asked for; undefined before the first. */
  ageMs(now: number): number | undefined
  /** Revoked by this process: effective at once, before any poll. */
  note(sessionId: string): void
  /** When the first load answered, by the store's clock; 0 before. */
  readonly readyAt: number
  /** Held sessions and accounts, for the memory figure. */
  readonly size: number
  /**
   * Loads what can still matter, then polls each second.
   * @throws UnavailableError when the first load fails
   */
  start(): Promise<void>
  /** One poll now; never throws. */
  poll(): Promise<void>
  /** Whoever hears of a revocation earlier than the poll says so: a poll at once, and one more after one that was under way. */
  wake(): void
  stop(): Promise<void>
}

const POLL_MS = 1_000
/** However often we are woken, the store is not asked more often than this. */
const WAKE_MS = 50
/** Ten polls without an answer; sessions.md. */
const STALE_MS = 10_000
/** Access tokens allow 60 s of skew, and 30 s cover a poll's overlap and a slow sweep. */
const SKEW_MS = 60_000
const MARGIN_MS = 30_000
const SWEEP_MS = 30_000
/** A poll without an answer is given up after this; each further one after twice as long, so that they never pile up. */
const GIVE_UP_MS = 5_000
const MOST_GIVE_UP_MS = 40_000

interface Held {
  until: number
  epoch: number
}

export function createRevocations(input: {
  readonly store: Pick<Store, "readRevocations" | "watchRevocations">
  readonly clock: Clock
  readonly logger: Logger
  readonly accessLifetimeSeconds: number
  /** `unsafe.acceptRevokedUntilExpiry`: believe the set however old it is. */
  readonly acceptStale: boolean
  /** Called for each revocation of this process, to wake the others. */
  readonly onNote?: () => void
  /** Hears that something was revoked, here or elsewhere, that was not known before. */
  readonly onRevoked?: () => void
}): Revocations {
  const { store, clock, logger } = input
  const retentionMs = input.accessLifetimeSeconds * 1000 + SKEW_MS + MARGIN_MS
  const sessions = new Map<string, number>()
  const epochs = new Map<string, Held>()
  let cursor: string | undefined
  let readyAt = 0
  let notBefore = 0
  let asOf: number | undefined
  let sweptAt = 0
  let latest = 0
  let pending: { readonly number: number; readonly startedAt: number } | undefined
  let giveUpMs = GIVE_UP_MS
  let timer: NodeJS.Timeout | undefined
  let failing = false
  let unwatch: (() => Promise<void>) | undefined
  /** Heard of something while a poll was under way. */
  let heard = false
  let wokenAt = Number.NEGATIVE_INFINITY
  let waking: NodeJS.Timeout | undefined
  let stopped = false

  function hold(sessionId: string, until: number): void {
    const known = sessions.get(sessionId)
    if ((known ?? 0) < until) sessions.set(sessionId, until)
    if (known === undefined) input.onRevoked?.()
  }

  function holdEpoch(accountId: string, epoch: number, until: number): void {
    const held = epochs.get(accountId)
    if (held === undefined) epochs.set(accountId, { until, epoch })
    else if (held.epoch < epoch) {
      held.epoch = epoch
      held.until = until
    }
  }

  function sweep(now: number): void {
    if (Math.abs(now - sweptAt) < SWEEP_MS) return
    sweptAt = now
    for (const [id, until] of sessions) if (until < now) sessions.delete(id)
    for (const [id, held] of epochs) if (held.until < now) epochs.delete(id)
  }

  async function load(): Promise<void> {
    const startedAt = clock()
    const number = ++latest
    pending = { number, startedAt }
    try {
      // Whatever was revoked longer ago has outlived every access token.
      const position = cursor === undefined ? {} : { cursor }
      const read = await store.readRevocations({ ...position, withinMs: retentionMs })
      for (const { sessionId, revokedAt } of read.sessions) hold(sessionId, revokedAt + retentionMs)
      notBefore = Math.max(notBefore, read.notBefore)
      for (const { accountId, epoch } of read.epochs) holdEpoch(accountId, epoch, read.now + retentionMs)
      if (readyAt === 0) readyAt = read.now
      // An answer that was given up still adds revocations, but only the newest poll moves the marks.
      if (number !== latest) return
      cursor = read.cursor
      asOf = startedAt
      giveUpMs = GIVE_UP_MS
      sweep(startedAt)
      if (failing) logger.info({}, "session: the revocation feed is back")
      failing = false
    } finally {
      if (pending?.number === number) pending = undefined
      if (heard) wake()
    }
  }

  async function poll(): Promise<void> {
    if (pending !== undefined) {
      if (Math.abs(clock() - pending.startedAt) < giveUpMs) return
      giveUpMs = Math.min(giveUpMs * 2, MOST_GIVE_UP_MS)
      fail("it does not answer")
    }
    await load().catch((error: unknown) => fail(error instanceof Error ? error.message : "unknown"))
  }

  function wake(): void {
    if (stopped || waking !== undefined) return
    const leftMs = wokenAt + WAKE_MS - performance.now()
    if (leftMs > 0) {
      waking = setTimeout(() => {
        waking = undefined
        wake()
      }, leftMs).unref()
      return
    }
    // The answer under way may have been taken before what somebody heard of.
    heard = pending !== undefined
    if (heard) return
    wokenAt = performance.now()
    void poll()
  }

  function fail(why: string): void {
    if (!failing) logger.error({ why }, "session: the revocation feed failed")
    failing = true
  }

  return {
    isRevoked: (sessionId) => sessions.has(sessionId),
    epochOf: (accountId) => epochs.get(accountId)?.epoch ?? 0,
    fresh(now) {
      // A clock that was set back is no proof of youth: far from the mark in either direction is stale.
      return asOf !== undefined && (input.acceptStale || Math.abs(now - asOf) < STALE_MS)
    },
    ageMs: (now) => (asOf === undefined ? undefined : Math.max(0, now - asOf)),
    note(sessionId) {
      hold(sessionId, clock() + retentionMs)
      input.onNote?.()
    },
    get notBefore() {
      return notBefore
    },
    get readyAt() {
      return readyAt
    },
    get size() {
      return sessions.size + epochs.size
    },
    async start() {
      try {
        await load()
      } catch (error) {
        throw new UnavailableError("the revoked sessions could not be loaded", error)
      }
      timer ??= setInterval(poll, POLL_MS).unref()
      unwatch ??= store.watchRevocations?.(wake)
    },
    poll,
    wake,
    async stop() {
      clearInterval(timer)
      clearTimeout(waking)
      timer = undefined
      stopped = true
      await unwatch?.()
      unwatch = undefined
    },
  }
}
