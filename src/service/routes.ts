import type { Facts } from "../core/facts.ts"
import type { BodyReader } from "../core/flow.ts"
import { renderRefusal } from "../core/problem.ts"
import { type Header, type HeaderList, jsonReply, type Reply, type RequestHead } from "../core/request.ts"
import type { Refusal } from "../core/verdict.ts"
import { type ChecklistRow, checklistPage, countStates, EMBLEM, gatePage } from "./checklist-page.ts"
import { CHECKLIST_STYLE } from "./checklist-style.ts"
import type { Operator } from "./operator.ts"
import type { TryStep } from "./try-it.ts"

/** The service's own routes, open to the guard; who may see what is decided here. */
export const SERVICE_ROUTES: readonly string[] = Object.freeze([
  "GET /",
  "GET /checklist.css",
  "GET /favicon.ico",
  "GET /robots.txt",
  "POST /operator",
])

/** For whoever restarts an instance or sends traffic to it. */
export const HEALTH_PATHS: readonly string[] = Object.freeze(["/healthz", "/readyz"])

export interface ServiceCall {
  readonly method: string
  readonly path: string
  readonly head: RequestHead
  readonly clientAddress: string
  readonly body: BodyReader
}

export interface RoutesInput {
  readonly origin: string
  readonly version: string
  readonly operator: Operator
  readonly checklist: () => readonly ChecklistRow[]
  readonly facts: () => Facts
  readonly factLines: () => readonly (readonly [string, string])[]
  readonly steps: readonly TryStep[]
  readonly jwksPath: string
  /** Whether the store answers and the revocation feed is fresh. */
  readonly ready: () => Promise<boolean>
}

const TOO_MANY = "Too many wrong tokens. Wait a minute."

const FORM_BYTES = 4096
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:\s*;|$)/i

// No script at all; the form goes to ourselves. `same-origin` as referrer policy, because `no-referrer` makes our own form
// send `Origin: null`.
const PAGE_HEADERS: HeaderList = [
  ["content-type", "text/html; charset=utf-8"],
  ["cache-control", "no-store"],
  [
    "content-security-policy",
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  ],
  ["referrer-policy", "same-origin"],
  ["vary", "Accept"],
]

export function createRoutes(input: RoutesInput): (call: ServiceCall) => Promise<Reply> {
  const { operator } = input
  const fixed: Readonly<Record<string, () => Reply | Promise<Reply>>> = {
    "/healthz": () => plain(200, "alive\n"),
    "/readyz": async () => ((await input.ready()) ? plain(200, "ready\n") : plain(503, "not ready\n")),
    "/checklist.css": () => asset("text/css; charset=utf-8", CHECKLIST_STYLE),
    "/favicon.ico": () => asset("image/svg+xml", FAVICON),
    "/robots.txt": () => asset("text/plain; charset=utf-8", "User-agent: *\nDisallow: /\n"),
  }

  return async (call) => {
    const { method, path } = call
    if (path === "/operator" && method === "POST") return signIn(call)
    if (method !== "GET" && method !== "HEAD") return notFound()
    if (path === "/") return root(call)
    return (await fixed[path]?.()) ?? notFound()
  }

  function root(call: ServiceCall): Reply {
    const refusal = operator.judge(call.head, call.clientAddress)
    const json = prefersJson(call.head.header("accept"))
    if (refusal !== undefined) return json ? renderRefusal(refusal) : closed(refusal, undefined)
    const rows = input.checklist()
    const { unsafe } = input.facts()
    if (json) return jsonReply(200, asJson(input, rows, unsafe), [["vary", "Accept"]])
    const page = checklistPage({
      origin: input.origin,
      version: input.version,
      rows,
      unsafe,
      facts: input.factLines(),
      steps: input.steps,
      jwksPath: input.jwksPath,
      readAt: Date.now(),
    })
    return { status: 200, headers: PAGE_HEADERS, body: page }
  }

  async function signIn(call: ServiceCall): Promise<Reply> {
    const read = FORM_TYPE.test(call.head.header("content-type") ?? "")
      ? await call.body(FORM_BYTES)
      : undefined
    if (read?.kind !== "bytes") return plain(read?.kind === "too-large" ? 413 : 415, "Send the form.\n")
    const token = new URLSearchParams(Buffer.from(read.bytes).toString("utf8")).get("token") ?? ""
    const result = operator.exchange(token, call.clientAddress)
    if (result.kind === "refusal") {
      return closed(result, result.refusal.status === 429 ? TOO_MANY : "That is not the operator token.")
    }
    return seeOther(result.header)
  }

  function closed(refusal: Refusal, wrong: string | undefined): Reply {
    const rendered = renderRefusal(refusal)
    const kept = rendered.headers.filter(([name]) => name !== "content-type" && name !== "cache-control")
    const body = gatePage({ origin: input.origin, wrong, tokenConfigured: operator.configured })
    return { status: rendered.status, headers: [...PAGE_HEADERS, ...kept], body }
  }
}

function seeOther(cookie: Header): Reply {
  return { status: 303, headers: [["location", "/"], ["cache-control", "no-store"], cookie], body: null }
}

function asJson(input: RoutesInput, rows: readonly ChecklistRow[], unsafe: Facts["unsafe"]): object {
  const counts = countStates(rows)
  return {
    origin: input.origin,
    version: input.version,
    counts: { total: rows.length, ...counts },
    unsafe,
    lines: rows.map(({ line, state }) => ({ ...line, ...state })),
  }
}

/** Whether JSON is named before HTML. No full negotiation: an unknown client gets the page. */
function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const json = accept.indexOf("application/json")
  const html = accept.indexOf("text/html")
  return json >= 0 && (html < 0 || json < html)
}

function plain(status: number, body: string): Reply {
  return {
    status,
    headers: [
      ["content-type", "text/plain; charset=utf-8"],
      ["cache-control", "no-store"],
    ],
    body,
  }
}

function asset(type: string, body: string): Reply {
  return {
    status: 200,
    headers: [
      ["content-type", type],
      ["cache-control", "public, max-age=300"],
    ],
    body,
  }
}

function notFound(): Reply {
  return renderRefusal({
    kind: "refusal",
    refusal: { status: 404, code: "service.not_found", title: "There is nothing here." },
    reason: "no such route",
    headers: [],
  })
}

const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" color="#171a21"><style>@media (prefers-color-scheme: dark) { svg { color: #ebe7de; --paper: #0e1117 } }</style>${EMBLEM}</svg>\n`
