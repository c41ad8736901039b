/**
 * Attack: a token of another site, another action or another visit; one that was used before; an answer that is slow,
 * endless, somebody else's or no answer at all; a robot that hopes for an outage, or makes one.
 * Promise: a token is good only if the provider says so for a host of ours, for this route and ticket where it can tell, and
 * lately. Five seconds, 16 KiB, https, no redirect. What does not come to an answer is `down`, which is never a pass here.
 * The secret key stands in the body of that one request and nowhere else; the visitor's address is not told.
 * Source: Cloudflare Turnstile, server-side validation; hCaptcha, verify the user response server side.
 */
import { networkCode, readBounded, TooLarge } from "../../core/answer-body.ts"
import { parseStrictJsonBytes } from "../../core/json.ts"
import type { Ticket } from "./ticket.ts"
import type { Widget } from "./widget.ts"

/** A person waits behind it; a healthy provider answers in a tenth of that. */
const TIMEOUT_MS = 5_000
/** Ten times the longest answer known, with its metadata. */
const MOST_BYTES = 16_384
/** Requests at once: a stuck provider must not gather all of our memory and sockets. */
const MOST_AT_ONCE = 64
/** Nobody judges at that address, or not for us; no token brings these about. */
const NOBODY_THERE = new Set([401, 404, 405, 407, 410])
/** As between our clock and that of a token; ours and the provider's are both set by others. */
const SKEW_MS = 60_000

type SiteVerdict =
  | { readonly kind: "good" }
  | { readonly kind: "bad"; readonly why: string }
  | { readonly kind: "over" }
  /** The provider did not judge, for a reason that no visitor can bring about. */
  | { readonly kind: "down"; readonly why: string }
  /** More is asked than we or the provider bear, which visitors can bring about. */
  | { readonly kind: "busy" }

export interface SiteVerify {
  /** Never rejects. */
  ask(token: string, about: { readonly ticketText: string } & About): Promise<SiteVerdict>
}

interface About {
  readonly route: string
  readonly ticket: Ticket
  readonly now: number
}

export function createSiteVerify(input: {
  readonly widget: Widget
  readonly verifyUrl: string
  readonly siteKey: string
  readonly secretKey: string
  /** Names under which people see our pages. */
  readonly hostnames: ReadonlySet<string>
  readonly timeoutMs?: number
}): SiteVerify {
  const { widget, hostnames, timeoutMs = TIMEOUT_MS } = input
  let atOnce = 0

  async function post(token: string): Promise<{ status: number; bytes: Buffer }> {
    const body = new URLSearchParams({ secret: input.secretKey, response: token })
    if (widget.tellsSiteKey) body.set("sitekey", input.siteKey)
    const response = await fetch(input.verifyUrl, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: body.toString(),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    })
    return { status: response.status, bytes: await readBounded(response, MOST_BYTES) }
  }

  return {
    async ask(token, about) {
      if (atOnce >= MOST_AT_ONCE) return { kind: "busy" }
      atOnce++
      try {
        const { status, bytes } = await post(token)
        if (status >= 300 && status < 400) return down("it answers with a redirect")
        if (status === 429) return { kind: "busy" }
        if (status >= 500 || NOBODY_THERE.has(status)) return down(`it answers ${status}`)
        const said = parseStrictJsonBytes(bytes)
        if (said === undefined || Array.isArray(said))
          // A status of 4xx is about what was sent, and part of that is the visitor's.
          return status >= 400
            ? bad(`the provider answers ${status}`)
            : down("it answers with something else")
        return judge(widget, hostnames, said as Answer, about)
      } catch (error) {
        // What the network layer says stays here: it may quote the request.
        return down(reasonOf(error))
      } finally {
        atOnce--
      }
    },
  }
}

type Answer = Readonly<Record<string, unknown>>

function judge(
  widget: Widget,
  hostnames: ReadonlySet<string>,
  said: Answer,
  { route, ticket, ticketText, now }: About & { readonly ticketText: string },
): SiteVerdict {
  if (said.success !== true) {
    const codes = Array.isArray(said["error-codes"]) ? said["error-codes"] : []
    const ours = widget.ours.find((code) => codes.includes(code))
    if (ours !== undefined) return down(`it says ${ours}`)
    if (widget.over.some((code) => codes.includes(code))) return { kind: "over" }
    return said.success === false ? bad("the provider says no") : down("it answers with something else")
  }
  if (typeof said.hostname !== "string" || !hostnames.has(said.hostname)) return bad("another site's token")
  if (widget.carries && said.action !== route) return bad("a token for another action")
  if (widget.carries && said.cdata !== ticketText) return bad("a token for another ticket")
  const at = typeof said.challenge_ts === "string" ? Date.parse(said.challenge_ts) : Number.NaN
  // Not a number fails every comparison.
  const fresh = at <= now + SKEW_MS && at > now - widget.tokenMs - SKEW_MS && at >= ticket.issuedAt - SKEW_MS
  return fresh ? { kind: "good" } : bad("a token of another time")
}

function bad(why: string): SiteVerdict {
  return { kind: "bad", why }
}

function down(why: string): SiteVerdict {
  return { kind: "down", why }
}

function reasonOf(error: unknown): string {
  if (error instanceof TooLarge) return `it answers with more than ${MOST_BYTES} bytes`
  if (error instanceof Error && error.name === "TimeoutError") return "it does not answer in time"
  const code = networkCode(error)
  return code === undefined ? "it cannot be reached" : `it cannot be reached (${code})`
}
