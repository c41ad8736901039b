import { MisuseError } from "../../core/misuse.ts"
import type { Header } from "../../core/request.ts"
import { type Pass, type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"
import type { Rate } from "./rate.ts"

const EXCEEDED: RefusalKind = {
  status: 429,
  code: "rate-limit.exceeded",
  title: "Too many requests; try again later.",
}

// Above this many different answers a limit makes each anew instead of keeping them.
const KEPT_ANSWERS = 4096

/**
 * What a limit answers, as headers of draft-ietf-httpapi-ratelimit-headers: `q` and `w` are the burst and the seconds in
 * which it refills; `r` is what is left and `t` the seconds until one more is allowed. Answers are few (`r` and `t` are
 * small whole numbers), so they are made once and given out again: the hot path writes no text.
 */
export class LimitAnswers {
  readonly name: string
  readonly rate: Rate
  readonly policyText: string
  readonly #policyHeader: Header
  readonly #label: string
  readonly #reason: string
  /** Values `t` can have: 1 to this many seconds. */
  readonly #seconds: number
  readonly #kept: (Pass | undefined)[] | undefined
  readonly #refused = new Map<number, Refusal>()

  constructor(name: string, rate: Rate) {
    this.name = name
    this.rate = rate
    this.#label = quoted(name)
    this.policyText = `${this.#label};q=${rate.burst};w=${Math.ceil((rate.burst * rate.intervalMs) / 1000)}`
    this.#policyHeader = ["ratelimit-policy", this.policyText]
    this.#reason = `the limit ${this.#label} of ${rate.text} is used up`
    this.#seconds = Math.ceil(rate.intervalMs / 1000)
    this.#kept = rate.burst * this.#seconds <= KEPT_ANSWERS ? [] : undefined
  }

  pass(remaining: number, seconds: number): Pass {
    const kept = this.#kept
    if (kept === undefined) return this.#makePass(remaining, seconds)
    const at = remaining * (this.#seconds + 1) + seconds
    const known = kept[at]
    if (known !== undefined) return known
    const made = this.#makePass(remaining, seconds)
    kept[at] = made
    return made
  }

  refusal(seconds: number): Refusal {
    const kept = this.#refused.get(seconds)
    if (kept !== undefined) return kept
    const made = refuse(EXCEEDED, this.#reason, [
      this.#policyHeader,
      ["ratelimit", this.stateText(0, seconds)],
      ["retry-after", String(seconds)],
    ])
    if (this.#refused.size < KEPT_ANSWERS) this.#refused.set(seconds, made)
    return made
  }

  stateText(remaining: number, seconds: number): string {
    return `${this.#label};r=${remaining};t=${seconds}`
  }

  #makePass(remaining: number, seconds: number): Pass {
    return {
      kind: "pass",
      headers: [this.#policyHeader, ["ratelimit", this.stateText(remaining, seconds)]],
    }
  }
}

/** A name as a structured field string (RFC 9651, section 3.3.3): printable ASCII, quotes and backslashes escaped. */
function quoted(name: string): string {
  if (!/^[\x20-\x7e]{1,128}$/.test(name)) {
    throw new MisuseError([
      {
        code: "rate-limit.name",
        path: "limit",
        problem: "the name of a limit is not 1 to 128 printable ASCII characters",
        fix: 'Name it like "orders" or "POST /orders".',
      },
    ])
  }
  return `"${name.replace(/["\\]/g, "\\$&")}"`
}
