import {
  type Limiter,
  type NamedLimits,
  parseRate,
  type Rate,
  type RateLimitPolicy,
} from "../checklist/rate-limit/index.ts"
import type { FlowRoute } from "../core/flow.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { PASS } from "../core/verdict.ts"
import type { GuardParts } from "../guard/index.ts"

/** Flows that send a mail, or hash a password for whoever has a link or a session: `rateLimit.mail.perAddress`. */
const MAIL_FLOWS: ReadonlySet<string> = new Set([
  "register",
  "register-complete",
  "password-forgot",
  "password-reset",
  "password-change",
  "email-link",
  "email-link-complete",
  "email-link-deny",
  "email-change",
  "email-change-complete",
])

const ADDRESS = "address"
const USER = "user"
/** Before the names of an application's limits, so that none of them is ever one of ours. */
const APPLICATION = "app:"

/**
 * The limits bound to the rows of the guard's table. What every request meets, per address and per user, protects this very
 * process and stays in its memory: at no cost, and at once.
 */
export function createLimits(input: {
  readonly limiter: Limiter
  /** Where limits by name are counted. */
  readonly named: NamedLimits
  readonly policy: RateLimitPolicy
  readonly routes: readonly FlowRoute[]
}): Pick<GuardParts, "limitAddress" | "limitFlow" | "limitUser" | "limitNamed"> {
  const { limiter, named, policy } = input
  const rates = new Map<string, Rate>()
  const faults = new Faults()
  for (const route of input.routes) {
    if (route.perAddress === undefined) continue
    const name = bucketOf(route)
    rates.set(name, rateOf(name, policy) ?? parseRate(route.perAddress, route.name, faults))
  }
  faults.throwIfAny()
  limiter.register(ADDRESS, policy.perAddress)
  limiter.register(USER, policy.perUser)
  for (const [name, rate] of rates) named.register(name, rate)
  const owners = new Map<string, object>()
  return {
    limitAddress: (address) => limiter.takeAddress(ADDRESS, policy.perAddress, address),
    limitFlow(route, address) {
      const name = bucketOf(route)
      const rate = rates.get(name)
      return rate === undefined ? PASS : named.takeAddress(name, rate, address)
    },
    // Its headers would stand beside those of the address: only a refusal of it is told.
    limitUser(userId, address) {
      const verdict = limiter.takeId(USER, policy.perUser, userId, address)
      return verdict.kind === "pass" ? PASS : verdict
    },
    limitNamed(name, rate, key, address, owner) {
      const known = owners.get(name)
      if (known === undefined) owners.set(name, owner)
      else if (known !== owner) throw duplicate(name)
      const own = `${APPLICATION}${name}`
      return key === undefined ? named.takeAddress(own, rate, address) : named.take(own, rate, key, address)
    },
  }
}

/** A form and the flow behind it share one. */
function bucketOf(route: FlowRoute): string {
  return route.limitedAs ?? route.name
}

function rateOf(name: string, policy: RateLimitPolicy): Rate | undefined {
  if (name === "refresh") return policy.refresh.perAddress
  return MAIL_FLOWS.has(name) ? policy.mail.perAddress : undefined
}

function duplicate(name: string): MisuseError {
  return new MisuseError([
    {
      code: "rate-limit.duplicate",
      path: `limit ${name}`,
      problem: "two limits have this name and would count each other's requests",
      fix: 'Give one of them another name: limit("5/minute", { name: "…" }).',
    },
  ])
}
