import { PASS, type Pass, type Refusal } from "../../core/verdict.ts"
import type { LimitAnswers } from "./answer.ts"
import type { Rate } from "./rate.ts"

/** Float sums of equal intervals may differ in the last bits; a thousandth of a millisecond is nothing to anybody. */
const ROUNDING_MS = 0.001

/** Milliseconds until a bucket that is full again in so many lets one more through; 0 or less when it does now. */
export function waitOf(rate: Rate, fullInMs: number): number {
  return fullInMs + (1 - rate.burst) * rate.intervalMs - ROUNDING_MS
}

/** How many are left when the bucket is full again in so many milliseconds. */
export function leftOf(rate: Rate, fullInMs: number): number {
  return Math.max(0, rate.burst - Math.ceil((fullInMs - ROUNDING_MS) / rate.intervalMs))
}

export function passOf(answers: LimitAnswers, fullInMs: number): Pass {
  const { rate } = answers
  const left = leftOf(rate, fullInMs)
  const untilOneMore =
    left === rate.burst ? rate.intervalMs : fullInMs - (rate.burst - left - 1) * rate.intervalMs
  return answers.pass(left, secondsOf(untilOneMore))
}

/** Whole seconds, never early. */
export function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil((ms - ROUNDING_MS) / 1000))
}

/** Where one of several buckets stands. */
export interface Standing {
  readonly answers: LimitAnswers
  readonly fullInMs: number
}

/** The refusal of the bucket with the longest wait, or undefined when every one lets a request through. */
export function refusalOf(standings: readonly Standing[]): Refusal | undefined {
  let longest = 0
  let refusing: LimitAnswers | undefined
  for (const { answers, fullInMs } of standings) {
    const wait = waitOf(answers.rate, fullInMs)
    if (wait > longest) {
      longest = wait
      refusing = answers
    }
  }
  return refusing?.refusal(secondsOf(longest))
}

/** The pass of all, with where they stand now, after it: of each limit the bucket with the least left, several in one list. */
export function passOfAll(standings: readonly Standing[]): Pass {
  const nearest = new Map<string, Standing>()
  for (const standing of standings) {
    const { answers, fullInMs } = standing
    const said = nearest.get(answers.name)
    if (said === undefined || leftOf(answers.rate, fullInMs) < leftOf(said.answers.rate, said.fullInMs))
      nearest.set(answers.name, standing)
  }
  return joined([...nearest.values()].map(({ answers, fullInMs }) => passOf(answers, fullInMs)))
}

/** Several limits in one list each, as structured fields have it. */
function joined(passes: readonly Pass[]): Pass {
  const [first = PASS] = passes
  if (passes.length <= 1) return first
  const texts = (at: number) => passes.map(({ headers }) => headers[at]?.[1] ?? "").join(", ")
  return {
    kind: "pass",
    headers: [
      ["ratelimit-policy", texts(0)],
      ["ratelimit", texts(1)],
    ],
  }
}
