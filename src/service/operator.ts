/**
 * Attack: somebody on the internet, or a page in the developer's browser, reads the state of the instance. Promise: without a
 * credential only a loopback peer of a development instance sees the checklist, by its own name and never through a proxy; elsewhere the operator
 * token does, from a header or a form, never from a URL. Wrong tokens are limited per address.
 * Source: ASVS 13.4.5, 3.3.
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { isLocalPeer } from "../checklist/proxy/index.ts"
import { createLimiter, parseRate } from "../checklist/rate-limit/index.ts"
import { networkOf } from "../core/address.ts"
import { equalBytes, fromBase64url, labelledHmac, toBase64url } from "../core/bytes.ts"
import type { Clock } from "../core/clock.ts"
import { Faults } from "../core/misuse.ts"
import type { Header, RequestHead } from "../core/request.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"

const NOT_OPERATOR: RefusalKind = {
  status: 401,
  code: "operator.token",
  title: "The checklist is for the operator of this instance.",
}
const NO_TOKEN: RefusalKind = {
  status: 403,
  code: "operator.none",
  title: "The checklist is closed here: no operator token is configured.",
}

const COOKIE_MINUTES = 15
const WRONG_TOKENS = "5/minute"

export interface OperatorOptions {
  readonly token: string | undefined
  /** A loopback origin without a mail server. */
  readonly development: boolean
  readonly origin: URL
  readonly clock: Clock
}

export interface Operator {
  readonly configured: boolean
  /** Undefined when the request may see the checklist. */
  judge(head: RequestHead, clientAddress: string): Refusal | undefined
  /** The form's token for a cookie of a quarter of an hour. */
  exchange(token: string, clientAddress: string): { kind: "cookie"; header: Header } | Refusal
}

export function createOperator(options: OperatorOptions): Operator {
  const { token, clock, origin } = options
  const secure = origin.protocol === "https:"
  const name = `__Host-Http-operator${secure ? "" : `_${origin.port || "80"}`}`
  // Only this process makes and reads the cookie: a restart asks for the token again, and nothing made from the token leaves.
  const key = randomBytes(32)
  const wanted = token === undefined ? undefined : digest(token)
  const limiter = createLimiter({ keys: { list: [randomBytes(32)] }, clock, capacity: 10_000 })
  const rate = parseRate(WRONG_TOKENS, "operator", new Faults())

  function compare(given: string, address: string): Refusal | undefined {
    if (wanted === undefined) return refuse(NO_TOKEN, "no operator token is configured")
    const network = networkOf(address, 32, 64)
    const open = limiter.peek("operator", rate, network)
    if (open.kind === "refusal") return open
    if (timingSafeEqual(digest(given), wanted)) return undefined
    limiter.take("operator", rate, network)
    return refuse(NOT_OPERATOR, "a wrong operator token")
  }

  function cookieHolds(head: RequestHead): boolean {
    const found = head
      .headerValues("cookie")
      .flatMap((line) => line.split("; "))
      .filter((pair) => pair.startsWith(`${name}=`))
    const [pair] = found
    if (pair === undefined || found.length > 1) return false
    const [end = "", mac = ""] = pair.slice(name.length + 1).split(".")
    const bytes = fromBase64url(mac)
    if (bytes === undefined || !/^\d{13}$/.test(end)) return false
    return equalBytes(bytes, seal(end)) && clock() < Number(end)
  }

  const seal = (end: string) => labelledHmac(key, "operator-cookie", Buffer.from(end))

  return {
    configured: wanted !== undefined,
    judge(head, clientAddress) {
      if (options.development && isLocalPeer(head, origin)) return undefined
      if (wanted === undefined)
        return refuse(NO_TOKEN, "not a local peer, and no operator token is configured")
      if (cookieHolds(head)) return undefined
      const lines = head.headerValues("authorization")
      const given =
        lines.length === 1 ? /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(lines[0] ?? "")?.[1] : undefined
      return given === undefined
        ? refuse(NOT_OPERATOR, "no operator token came along")
        : compare(given, clientAddress)
    },
    exchange(given, clientAddress) {
      const refusal = compare(given, clientAddress)
      if (refusal !== undefined) return refusal
      const end = String(clock() + COOKIE_MINUTES * 60_000)
      const value = `${end}.${toBase64url(seal(end))}`
      const attributes = `Path=/; Max-Age=${COOKIE_MINUTES * 60}; Secure; HttpOnly; SameSite=Strict`
      return { kind: "cookie", header: ["set-cookie", `${name}=${value}; ${attributes}`] }
    },
  }
}

/** Equal lengths for a comparison whose time tells nothing. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}
