/**
 * Attack: more work than the process can do, so that everybody waits, signed in or not, and health checks kill it.
 * Promise: while the event loop is late by more than the limit, requests are answered 503 with Retry-After at once, which
 * costs next to nothing, until it is late by less than half of that.
 * Source: ASVS 15.2.2, 13.1.3, 15.1.3; RFC 9110, section 15.6.4.
 */
import type { RequestHead } from "../../core/request.ts"
import { PASS, type Refusal, type RefusalKind, refuse, type Verdict } from "../../core/verdict.ts"
import type { OverloadPolicy } from "./options.ts"

const SHEDDING: RefusalKind = {
  status: 503,
  code: "overload.shedding",
  title: "The service is too busy right now.",
}

export interface Overload {
  /** Compares two numbers. The guard does not ask for health checks. */
  check(view?: RequestHead): Verdict
  /** How late the event loop is: an average over about half a second, in milliseconds. */
  delayMs(): number
  readonly shedding: boolean
  readonly bodyBytes: number
  /** Starts measuring; the timer does not keep the process alive. */
  start(): void
  stop(): void
}

/** Time between two looks at the loop. */
const TICK_MS = 20

// A pause counts for as long as it lasted: one of 250 ms (a collection of garbage) sheds nothing, two in a row do, and
// after 500 ms without any the average has fallen to a third.
const AVERAGE_OVER_MS = 500

// A laptop that slept for an hour is not an hour late.
const LONGEST_PAUSE_MS = 5000

/** Different values, so that those who were refused together do not come back together. */
const RETRY_SECONDS = [1, 2, 3, 4] as const

export function createOverload(
  policy: OverloadPolicy,
  now: () => number = () => performance.now(),
): Overload {
  const refusals: readonly Refusal[] = RETRY_SECONDS.map((seconds) =>
    refuse(SHEDDING, "the event loop is late", [["retry-after", String(seconds)]]),
  )
  const resumeBelow = policy.loopDelayMs / 2
  let timer: NodeJS.Timeout | undefined
  let due = 0
  let average = 0
  let shedding = false
  let refused = 0

  function tick(): void {
    const time = now()
    const late = Math.min(LONGEST_PAUSE_MS, Math.max(0, time - due))
    const weight = 1 - Math.exp(-(TICK_MS + late) / AVERAGE_OVER_MS)
    average += weight * (late - average)
    shedding = average > (shedding ? resumeBelow : policy.loopDelayMs)
    due = time + TICK_MS
  }

  return {
    check() {
      if (!shedding) return PASS
      refused = (refused + 1) % refusals.length
      return refusals[refused] ?? PASS
    },
    delayMs: () => average,
    get shedding() {
      return shedding
    },
    bodyBytes: policy.bodyBytes,
    start() {
      if (timer !== undefined) return
      due = now() + TICK_MS
      timer = setInterval(tick, TICK_MS)
      timer.unref()
    },
    stop() {
      clearInterval(timer)
      timer = undefined
      average = 0
      shedding = false
    },
  }
}
