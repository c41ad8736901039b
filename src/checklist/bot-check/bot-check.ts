/**
 * Attack: a robot that registers, signs in or has mails sent as often as it likes, since each request costs it nothing.
 * Promise: beyond a small free budget a request needs an answer to a challenge: a proof of work, or the word of Turnstile or
 * hCaptcha. A challenge is signed for one route and ten minutes and is redeemed once, wherever it was given out. When the
 * provider does not judge, nobody passes. Source: ASVS 2.4.1, 6.3.1.
 */
import { sha256, toBase64url } from "../../core/bytes.ts"
import type { Clock } from "../../core/clock.ts"
import type { Keys } from "../../core/keys.ts"
import type { Logger } from "../../core/logger.ts"
import { type Refusal, type RefusalKind, refuse } from "../../core/verdict.ts"
import { type AltchaChallenge, makeAltcha, readAltcha } from "./altcha.ts"
import { readAnswer } from "./answer.ts"
import type { BotCheckPolicy } from "./options.ts"
import { createSiteVerify } from "./site-verify.ts"
import { makeTicket, readTicket, type Ticket } from "./ticket.ts"
import { WIDGETS, type WidgetName } from "./widget.ts"

/** As it stands in the answer that asks, under `botCheck`. */
export type Challenge = { readonly expiresAt: string } & (
  | { readonly provider: "altcha"; readonly challenge: AltchaChallenge }
  | {
      readonly provider: WidgetName
      readonly siteKey: string
      /** What the widget calls this; Turnstile's token must bear it. */
      readonly action: string
      /** Comes back beside the token; Turnstile's token must carry it as its data. */
      readonly ticket: string
    }
)

export type Judgement =
  /** To be redeemed: remembered until it would have expired anyway. */
  { readonly kind: "good"; readonly hash: Buffer; readonly lifetimeMs: number } | Refusal

export interface BotCheckCounts {
  readonly asked: number
  readonly passed: number
  /** Let through because the provider was down, as `unsafe.botCheckOpenWhenDown` allows. */
  readonly unchecked: number
  /** Why the provider did not judge when it was asked last; undefined when it did. */
  readonly down: string | undefined
}

export interface BotChecks {
  /** A new challenge for a route. */
  ask(route: string): Challenge
  /** @param values the header's, as they came */
  judge(route: string, values: readonly string[]): Promise<Judgement>
  /** The answer was redeemed. */
  readonly used: Refusal
  notePassed(): void
  describe(): BotCheckCounts
}

/** Long enough to fill in a form meanwhile; a solution cannot be kept for long. */
const LIFETIME_SECONDS = 600
/** The store's clock may be behind ours: what is redeemed is remembered a little longer than it is good. */
const MARGIN_MS = 60_000

const REQUIRED: RefusalKind = {
  status: 403,
  code: "bot_check.required",
  title: "Show that you are no robot: solve the challenge in this answer and send the request again.",
}
const INVALID: RefusalKind = {
  status: 403,
  code: "bot_check.invalid",
  title: "This is not the solution of a challenge for this request. Solve the one in this answer.",
}
const EXPIRED: RefusalKind = {
  status: 403,
  code: "bot_check.expired",
  title: "This solution came too late. Solve the challenge in this answer.",
}
const USED: RefusalKind = {
  status: 403,
  code: "bot_check.used",
  title: "This solution was used already. Solve the challenge in this answer.",
}
const DOWN: RefusalKind = {
  status: 503,
  code: "bot_check.unavailable",
  title: "It cannot be checked right now that you are no robot. Try again later.",
}
const RETRY_SECONDS = 5

export function createBotChecks(input: {
  readonly policy: BotCheckPolicy
  /** Keys of the label `bot-check`: the first signs, all verify. */
  readonly keys: Keys
  readonly hostnames: ReadonlySet<string>
  readonly clock: Clock
  readonly logger: Logger
}): BotChecks {
  const { policy, keys, clock, logger } = input
  const counts = { asked: 0, passed: 0, unchecked: 0, down: undefined as string | undefined }

  function good(id: Uint8Array, expires: number): Judgement {
    const lifetimeMs = expires * 1000 - clock()
    if (lifetimeMs <= 0) return refuse(EXPIRED, "the challenge has expired")
    const hash = sha256(`nightlatch bot check ${toBase64url(id)}`)
    return { kind: "good", hash, lifetimeMs: lifetimeMs + MARGIN_MS }
  }

  function judgeAltcha(route: string, text: string): Judgement {
    const solved = readAltcha(keys.list, text)
    if (solved === undefined) return refuse(INVALID, "no solution of a challenge of ours")
    if (solved.route !== route) return refuse(INVALID, `a solution for ${solved.route}`)
    return good(solved.id, solved.expires)
  }

  const judgeWidget = policy.widget === undefined ? undefined : widgetJudge(policy.widget)

  function widgetJudge(chosen: NonNullable<BotCheckPolicy["widget"]>) {
    const widget = WIDGETS[chosen.name]
    const site = createSiteVerify({ ...chosen, widget, hostnames: input.hostnames })
    const token = new RegExp(`^[A-Za-z0-9._-]{0,${widget.longestToken}}$`)

    function open(ticket: Ticket, why: string): Judgement {
      counts.down = why
      logger.error({ provider: chosen.name, reason: why, open: policy.openWhenDown }, "bot-check: not judged")
      if (!policy.openWhenDown)
        return refuse(DOWN, `${widget.title}: ${why}`, [["retry-after", String(RETRY_SECONDS)]])
      counts.unchecked++
      return good(ticket.id, ticket.expires)
    }

    return async (route: string, text: string): Promise<Judgement> => {
      const { ticket: ticketText, token: given, ...others } = readAnswer(text) ?? {}
      if (typeof ticketText !== "string" || typeof given !== "string" || Object.keys(others).length > 0)
        return refuse(INVALID, "not a ticket and a token")
      const ticket = readTicket(keys.list, route, ticketText)
      if (ticket === undefined) return refuse(INVALID, "no ticket of ours for this route")
      const told = good(ticket.id, ticket.expires)
      if (told.kind === "refusal") return told
      // Without a token there is nothing to ask, unless it may be that nobody can get one.
      if (!token.test(given) || (given === "" && !policy.openWhenDown))
        return refuse(INVALID, "not a token of the provider's form")
      const verdict = await site.ask(given, { route, ticket, ticketText, now: clock() })
      if (verdict.kind === "down") return open(ticket, verdict.why)
      if (verdict.kind === "busy") {
        return refuse(DOWN, "too many answers are judged at once", [["retry-after", String(RETRY_SECONDS)]])
      }
      counts.down = undefined
      if (verdict.kind === "over") return refuse(USED, "the provider says: too old, or seen before")
      return verdict.kind === "good" ? told : refuse(INVALID, verdict.why)
    }
  }

  return {
    ask(route) {
      const [signing] = keys.list
      if (signing === undefined) throw new TypeError("at least one root secret is needed")
      const now = clock()
      const expires = Math.floor(now / 1000) + LIFETIME_SECONDS
      const expiresAt = new Date(expires * 1000).toISOString()
      const { widget } = policy
      if (widget === undefined) {
        const challenge = makeAltcha(signing, { route, expires, maxNumber: policy.maxNumber })
        return { provider: "altcha", expiresAt, challenge }
      }
      const ticket = makeTicket(signing, { route, now, expires })
      return { provider: widget.name, expiresAt, siteKey: widget.siteKey, action: route, ticket }
    },
    async judge(route, values) {
      const [text] = values
      if (text === undefined) {
        counts.asked++
        return refuse(REQUIRED, "the free budget is used up")
      }
      if (values.length > 1) return refuse(INVALID, "the header came twice")
      return judgeWidget === undefined ? judgeAltcha(route, text) : judgeWidget(route, text)
    },
    used: refuse(USED, "the challenge was redeemed before"),
    notePassed() {
      counts.passed++
    },
    describe: () => ({ ...counts }),
  }
}
