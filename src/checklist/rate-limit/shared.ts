/**
 * Attack: a limit that each of several processes counts for itself, and so lets as many times as much through; and a store
 * of counts that is made to fail, so that nobody counts at all.
 * Promise: limits by name are counted together, atomically. When the store fails, or does not answer in a quarter of a second,
 * nobody waits for it any longer: this process counts in its memory, which knows what it has let through before, or refuses,
 * if that was chosen. The store is asked again each second until it is back. Source: ASVS 6.3.1; GHSA on better-auth's
 * rate limits that were checked and counted in two steps (CVE-2026-110861).
 */
import type { Logger } from "../../core/logger.ts"
import { UNAVAILABLE } from "../../core/problem.ts"
import type { SharedBucket, SharedBuckets, SharedTake } from "../../core/shared-buckets.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import { PASS, type Pass, type Refusal } from "../../core/verdict.ts"
import { passOfAll, refusalOf } from "./gcra.ts"
import type { Demand, Wanted } from "./limit-book.ts"
import type { Counted, Limiter, NamedLimits } from "./limiter.ts"

export interface SharedLimiter extends NamedLimits {
  /** Whether counts are shared now. */
  describe(): SharedState
  /** Asks the store for the first time; until then limits are counted as if it were gone. Never rejects. */
  start(): Promise<void>
  stop(): void
}

export interface SharedState {
  /** Where counts are shared, for example `Redis`. */
  readonly place: string
  /** Why they are not now; undefined when they are. */
  readonly gone: string | undefined
  readonly whenGone: "memory" | "refuse"
  /** Requests since the start that the store did not count. */
  readonly missed: number
}

const ANSWER_MS = 250
/** A process that looks later than this at its timer has no right to call somebody else late. */
const OWN_DELAY_MS = 50
const PROBE_MS = 1_000
/** A place that nobody has asked for so long is asked, so that the checklist knows. */
const IDLE_MS = 5_000
/** At a start everything is late. */
const FIRST_ANSWER_MS = 2_000
/** A bucket that only probes use, and that they cannot empty. */
const PROBE: SharedBucket = { id: "nightlatch-probe", intervalMs: 1, burst: 1_000_000 }

const LATE = "it does not answer in time"
const REFUSED: Refusal = {
  ...UNAVAILABLE,
  reason: "the shared limits are gone, and rateLimit.whenSharedIsGone refuses",
}

/** A request that waits for the store. */
interface Waiting {
  lateAt: number
  /** Whether it waits longer already, because this process was late itself. */
  forgiven: boolean
  giveUp(): void
}

export function createSharedLimiter(input: {
  readonly limiter: Limiter
  readonly buckets: SharedBuckets
  readonly whenGone: "memory" | "refuse"
  readonly logger: Logger
}): SharedLimiter {
  const { limiter, buckets, whenGone, logger } = input
  const { place } = buckets
  const waiting = new Set<Waiting>()
  let gone: string | undefined = "it was not asked yet"
  let missed = 0
  let late: NodeJS.Timeout | undefined
  let probing: NodeJS.Timeout | undefined
  /** Whether the log knows that it is gone. */
  let told = false
  let closed = false
  let answeredAt = Number.NEGATIVE_INFINITY

  function withoutStore(wanted: readonly Wanted[], counts: boolean): Pass | Refusal {
    missed++
    if (whenGone !== "memory") return REFUSED
    return counts ? limiter.takeWanted(wanted) : limiter.peekWanted(wanted)
  }

  function judge(
    wanted: readonly Wanted[],
    { passed, fullInMs }: SharedTake,
    counts: boolean,
  ): Pass | Refusal {
    const standings = wanted.map(({ answers }, index) => ({ answers, fullInMs: fullInMs[index] ?? 0 }))
    if (!counts) return refusalOf(standings) ?? passOfAll(standings)
    // Rounding may let the two disagree by a billionth; the store's word counts.
    if (!passed) return refusalOf(standings) ?? (wanted[0] as Wanted).answers.refusal(1)
    limiter.charge(wanted)
    return passOfAll(standings)
  }

  function ask(wanted: readonly Wanted[], counts: boolean): Promise<Pass | Refusal> {
    const { promise, resolve } = Promise.withResolvers<Pass | Refusal>()
    const turn = {
      lateAt: performance.now() + ANSWER_MS,
      forgiven: false,
      giveUp: () => resolve(withoutStore(wanted, counts)),
    }
    waiting.add(turn)
    late ??= setTimeout(look, ANSWER_MS, turn.lateAt)
    buckets.take(wanted.map(counts ? bucketOf : closedBucketOf)).then(
      (taken) => {
        if (!waiting.delete(turn)) return
        answeredAt = performance.now()
        resolve(judge(wanted, taken, counts))
      },
      (error: unknown) => {
        if (waiting.has(turn)) lose(reasonOf(error))
      },
    )
    return promise
  }

  /** One timer for all that wait: it looks at the oldest. */
  function look(dueAt: number): void {
    late = undefined
    const [oldest] = waiting
    if (oldest === undefined) return
    const now = performance.now()
    if (oldest.lateAt <= now && now - dueAt > OWN_DELAY_MS && !oldest.forgiven) {
      oldest.forgiven = true
      oldest.lateAt = now + ANSWER_MS
    }
    if (oldest.lateAt <= now) lose(LATE)
    else late = setTimeout(look, oldest.lateAt - now, oldest.lateAt)
  }

  /** Everybody who waits is answered without the store, and nobody waits for it until it has answered a probe. */
  function lose(reason: string): void {
    if (!told && !closed) logger.error({ place, reason, whenGone }, "rate-limit: shared limits are gone")
    told = true
    gone = reason
    const turns = [...waiting]
    waiting.clear()
    for (const turn of turns) turn.giveUp()
  }

  /** Counts as a request does: a store that answers but cannot write is not back. */
  async function probe(withinMs: number): Promise<void> {
    const dueAt = performance.now() + withinMs
    const inTime = Promise.withResolvers<"late">()
    const timer = setTimeout(() => inTime.resolve("late"), withinMs)
    try {
      const answer = await Promise.race([buckets.take([PROBE]), inTime.promise])
      if (answer !== "late") found()
      else if (gone !== undefined || performance.now() - dueAt < OWN_DELAY_MS) lose(LATE)
    } catch (error) {
      lose(reasonOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  function found(): void {
    if (closed) return
    if (told) logger.info({ place }, "rate-limit: shared limits are back")
    told = false
    gone = undefined
    answeredAt = performance.now()
  }

  function askAll(demands: readonly Demand[], counts: boolean): Counted {
    const wanted = limiter.wantedOf(demands)
    if (wanted.length === 0) return PASS
    return gone === undefined ? ask(wanted, counts) : withoutStore(wanted, counts)
  }
  const takeAll = (demands: readonly Demand[]) => askAll(demands, true)

  return {
    register: (name, rate) => limiter.register(name, rate),
    take: (name, rate, key, address) =>
      takeAll([{ name, rate, key, ...(address === undefined ? {} : { address }) }]),
    takeAddress: (name, rate, address) => takeAll([{ name, rate, address }]),
    takeAll,
    peekAll: (demands) => askAll(demands, false),
    describe: () => ({ place, gone, whenGone, missed }),
    async start() {
      await probe(FIRST_ANSWER_MS)
      probing = setInterval(() => {
        if (gone !== undefined || performance.now() - answeredAt > IDLE_MS) void probe(ANSWER_MS)
      }, PROBE_MS)
      probing.unref()
    },
    stop() {
      clearInterval(probing)
      clearTimeout(late)
      closed = true
      gone = "it was closed"
      for (const turn of waiting) turn.giveUp()
      waiting.clear()
    },
  }
}

function bucketOf({ id, answers }: Wanted): SharedBucket {
  return { id, intervalMs: answers.rate.intervalMs, burst: answers.rate.burst }
}

/**
 * The same bucket, as big, but one that lets nothing through: whoever asks for it hears where it stands and is not counted.
 * Half a request of twice the whole time is as much as the bucket holds, and never enough for one.
 */
function closedBucketOf({ id, answers }: Wanted): SharedBucket {
  const { burst, intervalMs } = answers.rate
  return { id, intervalMs: 2 * burst * intervalMs, burst: 0.5 }
}

function reasonOf(error: unknown): string {
  return error instanceof UnavailableError ? error.message : "it failed"
}
