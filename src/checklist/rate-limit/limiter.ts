/**
 * Attack: guessing, scraping and exhausting by the sheer number of requests; and turning the limit itself into a weapon,
 * by many keys that push out one's own or by refused requests that lock others out.
 * Promise: never more than the burst and the steady rate for any key, at any number of keys; what is refused consumes
 * nothing; several limits consume only together; memory is bounded. The algorithm is GCRA (ITU-T I.371): one number a key,
 * no windows to straddle. Source: ASVS 6.3.1, 2.4.1; RFC 6585; draft-ietf-httpapi-ratelimit-headers.
 */
import type { Clock } from "../../core/clock.ts"
import { MisuseError } from "../../core/misuse.ts"
import { PASS, type Pass, type Refusal } from "../../core/verdict.ts"
import { networkOf, UNKNOWN } from "../proxy/index.ts"
import { LimitAnswers } from "./answer.ts"
import { Buckets, type Place, ROUNDING_MS } from "./buckets.ts"
import { multiplyRate, type Rate } from "./rate.ts"

/** One limit that a request has to pass: per key, or, without one, per address. */
export interface Demand {
  /** The limit's name: shown in the headers, and everything of that name is counted together. */
  readonly name: string
  readonly rate: Rate
  /** Whom to count. Only an HMAC of it is kept. */
  readonly key?: string
  /** The client's address. Beside a key it only finds the bucket that a network shares when the table is full. */
  readonly address?: string
}

export interface Limiter {
  /** Declares a limit. @throws MisuseError `rate-limit.duplicate` when the name is taken, `rate-limit.name` */
  register(name: string, rate: Rate): void
  /** Counts one request. A name not yet known is declared. @throws MisuseError when it is known with another rate */
  take(name: string, rate: Rate, key: string, address?: string): Pass | Refusal
  /** The same for a key that is no secret and comes again and again, like an account's id: its HMAC is remembered. */
  takeId(name: string, rate: Rate, id: string, address?: string): Pass | Refusal
  /** Counts one request of an address: IPv4 as it is, IPv6 by its /64 and, at ten times the rate, by its /48. */
  takeAddress(name: string, rate: Rate, address: string): Pass | Refusal
  /** Counts one request against several limits: all of them, or none when one refuses. */
  takeAll(demands: readonly Demand[]): Pass | Refusal
  /** What `take` would say, without counting. */
  peek(name: string, rate: Rate, key: string, address?: string): Pass | Refusal
  /** Keys in memory. */
  readonly size: number
  readonly capacity: number
  /** Names of the limits declared so far. */
  readonly policies: readonly string[]
}

export interface LimiterInput {
  /** Keys of the label `limit-key`; the first is used. */
  readonly keys: readonly Uint8Array[]
  readonly clock: Clock
  /** Most keys in memory at once; default 100,000. */
  readonly capacity?: number
}

/** Addresses and ids cost an HMAC once in a while and not each time; names of accounts are never kept in clear. */
const REMEMBERED = 4096

// A site has 65,536 networks; with ten times the rate it may be an office, and hopping through networks gains little.
const SITE_FACTOR = 10

interface Limit {
  readonly name: string
  readonly answers: LimitAnswers
  /** The same for a whole IPv6 site. */
  readonly site: LimitAnswers
  readonly addresses: Map<string, AddressIds>
  readonly ids: Map<string, string>
}

interface AddressIds {
  readonly own: string
  readonly site: string | undefined
}

/** A bucket that a request has to take from. */
interface Wanted {
  readonly limit: Limit
  readonly answers: LimitAnswers
  readonly place: Place
}

export function createLimiter(input: LimiterInput): Limiter {
  const key = input.keys[0]
  if (key === undefined) throw new RangeError("a limiter needs a key")
  const buckets = new Buckets(key, input.clock, input.capacity ?? 100_000)
  const limits = new Map<string, Limit>()

  function define(name: string, rate: Rate): Limit {
    const site = new LimitAnswers(name, multiplyRate(rate, SITE_FACTOR))
    const answers = new LimitAnswers(name, rate)
    const limit: Limit = { name, answers, site, addresses: new Map(), ids: new Map() }
    limits.set(name, limit)
    return limit
  }

  function limitOf(name: string, rate: Rate): Limit {
    const known = limits.get(name)
    if (known === undefined) return define(name, rate)
    if (known.answers.rate !== rate && known.answers.rate.text !== rate.text) throw duplicate(name)
    return known
  }

  function addressIds(limit: Limit, address: string): AddressIds {
    const known = limit.addresses.get(address)
    if (known !== undefined) return known
    const isSix = address.includes(":")
    const made: AddressIds = {
      own: buckets.idOf(limit.name, "address", isSix ? networkOf(address, 32, 64) : address),
      site: isSix ? buckets.idOf(limit.name, "site", networkOf(address, 32, 48)) : undefined,
    }
    if (limit.addresses.size >= REMEMBERED) limit.addresses.clear()
    limit.addresses.set(address, made)
    return made
  }

  function rememberedId(limit: Limit, id: string): string {
    const known = limit.ids.get(id)
    if (known !== undefined) return known
    const made = buckets.idOf(limit.name, "key", id)
    if (limit.ids.size >= REMEMBERED) limit.ids.clear()
    limit.ids.set(id, made)
    return made
  }

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

  function wantedOf({ name, rate, key: whom, address = UNKNOWN }: Demand): Wanted[] {
    const limit = limitOf(name, rate)
    const { answers } = limit
    if (whom !== undefined) {
      return [{ limit, answers, place: buckets.place(name, buckets.idOf(name, "key", whom), address) }]
    }
    const { own, site } = addressIds(limit, address)
    const wanted: Wanted[] = [{ limit, answers, place: buckets.place(name, own, address) }]
    if (site === undefined) return wanted
    return [...wanted, { limit, answers: limit.site, place: buckets.place(name, site, address) }]
  }

  function takeTogether(wanted: readonly Wanted[]): Pass | Refusal {
    let longest = 0
    let refusing: LimitAnswers | undefined
    for (const { answers, place } of wanted) {
      const wait = buckets.wait(place, answers.rate)
      if (wait > longest) {
        longest = wait
        refusing = answers
      }
    }
    if (refusing !== undefined) return refusing.refusal(secondsOf(longest))
    const states = new Map<Limit, { left: number; pass: Pass }>()
    for (const [index, { limit, answers, place }] of wanted.entries()) {
      // The same bucket asked for twice in one request counts once.
      if (wanted.findIndex((other) => other.place === place) !== index) continue
      const left = leftOf(answers.rate, buckets.time(place) - buckets.now)
      const pass = charge(place, answers)
      const said = states.get(limit)
      if (said === undefined || left < said.left) states.set(limit, { left, pass })
    }
    return joined([...states.values()].map(({ pass }) => pass))
  }

  return {
    register(name, rate) {
      if (limits.has(name)) throw duplicate(name)
      define(name, rate)
    },
    take(name, rate, whom, address = UNKNOWN) {
      buckets.advance()
      const { answers } = limitOf(name, rate)
      return takeAt(buckets.place(name, buckets.idOf(name, "key", whom), address), answers)
    },
    takeId(name, rate, id, address = UNKNOWN) {
      buckets.advance()
      const limit = limitOf(name, rate)
      return takeAt(buckets.place(name, rememberedId(limit, id), address), limit.answers)
    },
    takeAddress(name, rate, address) {
      buckets.advance()
      const limit = limitOf(name, rate)
      const { own, site } = addressIds(limit, address)
      const place = buckets.place(name, own, address)
      if (site === undefined) return takeAt(place, limit.answers)
      return takeBoth(place, buckets.place(name, site, address), limit)
    },
    takeAll(demands) {
      buckets.advance()
      return demands.length === 0 ? PASS : takeTogether(demands.flatMap(wantedOf))
    },
    peek(name, rate, whom, address = UNKNOWN) {
      buckets.advance()
      const { answers } = limitOf(name, rate)
      const full = buckets.peek(name, buckets.idOf(name, "key", whom), address) - buckets.now
      const wait = full + (1 - rate.burst) * rate.intervalMs - ROUNDING_MS
      return wait > 0 ? answers.refusal(secondsOf(wait)) : passOf(answers, full)
    },
    get size() {
      return buckets.own.size
    },
    capacity: buckets.own.capacity,
    get policies() {
      return [...limits.keys()]
    },
  }
}

/** How many are left when the bucket is full again in so many milliseconds. */
function leftOf(rate: Rate, fullInMs: number): number {
  return Math.max(0, rate.burst - Math.ceil((fullInMs - ROUNDING_MS) / rate.intervalMs))
}

function passOf(answers: LimitAnswers, fullInMs: number): Pass {
  const { rate } = answers
  const left = leftOf(rate, fullInMs)
  const untilOneMore =
    left === rate.burst ? rate.intervalMs : fullInMs - (rate.burst - left - 1) * rate.intervalMs
  return answers.pass(left, secondsOf(untilOneMore))
}

/** Whole seconds, never early. */
function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil((ms - ROUNDING_MS) / 1000))
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

function duplicate(name: string): MisuseError {
  return new MisuseError([
    {
      code: "rate-limit.duplicate",
      path: `limit ${JSON.stringify(name)}`,
      problem: "two limits have this name, and what one counts would count for the other",
      fix: "Give each limit a name of its own.",
    },
  ])
}
