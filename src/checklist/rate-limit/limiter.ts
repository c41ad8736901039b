/**
 * Attack: guessing, scraping and exhausting by the sheer number of requests; and turning the limit itself into a weapon,
 * by many keys that push out one's own or by refused requests that lock others out.
 * Promise: never more than the burst and the steady rate for any key, at any number of keys; what is refused consumes
 * nothing; several limits consume only together; memory is bounded. The algorithm is GCRA (ITU-T I.371): one number a key,
 * no windows to straddle. Source: ASVS 6.3.1, 2.4.1; RFC 6585; draft-ietf-httpapi-ratelimit-headers.
 */

import { UNKNOWN } from "../../core/address.ts"
import type { Clock } from "../../core/clock.ts"
import type { Keys } from "../../core/keys.ts"
import { PASS, type Pass, type Refusal } from "../../core/verdict.ts"
import type { LimitAnswers } from "./answer.ts"
import { Buckets, type Place } from "./buckets.ts"
import { leftOf, passOf, passOfAll, refusalOf, secondsOf, waitOf } from "./gcra.ts"
import { type Demand, type Limit, LimitBook, type Wanted } from "./limit-book.ts"
import type { Rate } from "./rate.ts"

/** What counting answers: at once from memory, later when the count is shared with other processes. */
export type Counted = Pass | Refusal | Promise<Pass | Refusal>

/** Limits by name, wherever they are counted. */
export interface NamedLimits<Answer extends Counted = Counted> {
  /** Declares a limit. @throws MisuseError `rate-limit.duplicate` when the name is taken, `rate-limit.name` */
  register(name: string, rate: Rate): void
  /** Counts one request. A name not yet known is declared. @throws MisuseError when it is known with another rate */
  take(name: string, rate: Rate, key: string, address?: string): Answer
  /** Counts one request of an address: IPv4 as it is, IPv6 by its /64 and, at ten times the rate, by its /48. */
  takeAddress(name: string, rate: Rate, address: string): Answer
  /** Counts one request against several limits: all of them, or none when one refuses. */
  takeAll(demands: readonly Demand[]): Answer
  /** What `takeAll` would say, without counting. */
  peekAll(demands: readonly Demand[]): Answer
}

export interface Limiter extends NamedLimits<Pass | Refusal> {
  /** `take` for a key that is no secret and comes again and again, like an account's id: its HMAC is remembered. */
  takeId(name: string, rate: Rate, id: string, address?: string): Pass | Refusal
  /** What `take` would say, without counting. */
  peek(name: string, rate: Rate, key: string, address?: string): Pass | Refusal
  /** The buckets of a request, for whoever counts them elsewhere as well. */
  wantedOf(demands: readonly Demand[]): readonly Wanted[]
  /** Judges and counts what `wantedOf` gave. */
  takeWanted(wanted: readonly Wanted[]): Pass | Refusal
  /** What `takeWanted` would say, without counting. */
  peekWanted(wanted: readonly Wanted[]): Pass | Refusal
  /** Counts what was passed elsewhere, without judging: no bucket gets emptier than empty. */
  charge(wanted: readonly Wanted[]): void
  /** Keys in memory. */
  readonly size: number
  readonly capacity: number
  /** Names of the limits declared so far. */
  readonly policies: readonly string[]
}

export interface LimiterInput {
  /** Keys of the label `limit-key`; the first is used. With another one everybody begins with a full bucket. */
  readonly keys: Keys
  readonly clock: Clock
  /** Most keys in memory at once; default 100,000. */
  readonly capacity?: number
}

export function createLimiter(input: LimiterInput): Limiter {
  const book = new LimitBook(input.keys)
  const buckets = new Buckets(book, input.clock, input.capacity ?? 100_000)

  function takeAt(place: Place, answers: LimitAnswers): Pass | Refusal {
    const wait = buckets.wait(place, answers.rate)
    return wait > 0 ? answers.refusal(secondsOf(wait)) : charge(place, answers)
  }

  function charge(place: Place, answers: LimitAnswers): Pass {
    const next = buckets.time(place) + answers.rate.intervalMs
    buckets.setTime(place, next)
    return passOf(answers, next - buckets.now)
  }

  /** Both or none; the answer tells of the one that is nearer to its end. */
  function takeBoth(own: Place, site: Place, limit: Limit): Pass | Refusal {
    const { answers } = limit
    const ownWait = buckets.wait(own, answers.rate)
    const siteWait = buckets.wait(site, limit.site.rate)
    if (ownWait > 0 && ownWait >= siteWait) return answers.refusal(secondsOf(ownWait))
    if (siteWait > 0) return limit.site.refusal(secondsOf(siteWait))
    const ownLeft = leftOf(answers.rate, buckets.time(own) - buckets.now)
    const siteLeft = leftOf(limit.site.rate, buckets.time(site) - buckets.now)
    const ownPass = charge(own, answers)
    const sitePass = charge(site, limit.site)
    return siteLeft < ownLeft ? sitePass : ownPass
  }

  function takeWanted(wanted: readonly Wanted[]): Pass | Refusal {
    if (wanted.length === 0) return PASS
    buckets.advance()
    const places = wanted.map(({ answers, id, address }) => buckets.place(answers.name, id, address))
    const standings = () =>
      wanted.map(({ answers }, index) => ({
        answers,
        fullInMs: buckets.fullIn(places[index] as Place, answers.rate),
      }))
    const refused = refusalOf(standings())
    if (refused !== undefined) return refused
    for (const [index, { answers }] of wanted.entries()) {
      const place = places[index] as Place
      // Two keys may share a bucket when the table is full; one request counts once in it.
      if (places.indexOf(place) === index) charge(place, answers)
    }
    return passOfAll(standings())
  }

  function peekWanted(wanted: readonly Wanted[]): Pass | Refusal {
    if (wanted.length === 0) return PASS
    buckets.advance()
    const standings = wanted.map(({ answers, id, address }) => ({
      answers,
      fullInMs: Math.max(0, buckets.peek(answers.name, id, address) - buckets.now),
    }))
    return refusalOf(standings) ?? passOfAll(standings)
  }

  return {
    register(name, rate) {
      book.register(name, rate)
    },
    take(name, rate, whom, address = UNKNOWN) {
      buckets.advance()
      const { answers } = book.limitOf(name, rate)
      return takeAt(buckets.place(name, book.idOf(name, "key", whom), address), answers)
    },
    takeId(name, rate, id, address = UNKNOWN) {
      buckets.advance()
      const limit = book.limitOf(name, rate)
      return takeAt(buckets.place(name, book.rememberedId(limit, id), address), limit.answers)
    },
    takeAddress(name, rate, address) {
      buckets.advance()
      const limit = book.limitOf(name, rate)
      const { own, site } = book.addressIds(limit, address)
      const place = buckets.place(name, own, address)
      if (site === undefined) return takeAt(place, limit.answers)
      return takeBoth(place, buckets.place(name, site, address), limit)
    },
    takeAll: (demands) => takeWanted(book.wantedOf(demands)),
    peek(name, rate, whom, address = UNKNOWN) {
      buckets.advance()
      const { answers } = book.limitOf(name, rate)
      const full = buckets.peek(name, book.idOf(name, "key", whom), address) - buckets.now
      const wait = waitOf(rate, full)
      return wait > 0 ? answers.refusal(secondsOf(wait)) : passOf(answers, full)
    },
    peekAll: (demands) => peekWanted(book.wantedOf(demands)),
    wantedOf: (demands) => book.wantedOf(demands),
    takeWanted,
    peekWanted,
    charge(wanted) {
      buckets.advance()
      for (const { answers, id, address } of wanted) {
        const place = buckets.place(answers.name, id, address)
        const { burst, intervalMs } = answers.rate
        const fullInMs = Math.min(buckets.fullIn(place, answers.rate) + intervalMs, burst * intervalMs)
        buckets.setTime(place, buckets.now + fullInMs)
      }
    },
    get size() {
      return buckets.own.size
    },
    capacity: buckets.own.capacity,
    get policies() {
      return book.names
    },
  }
}
