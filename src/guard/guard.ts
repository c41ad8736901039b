import type { Rate } from "../checklist/rate-limit/index.ts"
import type { BodyReader, FlowMatch, FlowMatcher, FlowRoute } from "../core/flow.ts"
import type { Logger } from "../core/logger.ts"
import { newInstance, renderRefusal, UNAVAILABLE } from "../core/problem.ts"
import type { Credentials, Header, HeaderList, Reply, RequestHead, RequestView } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import { UnavailableError } from "../core/unavailable.ts"
import { PASS, type Refusal, type RefusalKind, refuse, type Verdict } from "../core/verdict.ts"
import type { Entered, Passed } from "./entry.ts"
import { checkHost, type HostPolicy } from "./host.ts"
import { ORDER, type RouteKind, type Row } from "./order.ts"
import type { PublicRoutes } from "./public-routes.ts"
import { NOT_SIGNED_IN, REFRESH_NEEDED } from "./rule.ts"
import { View } from "./view.ts"

/** What the guard asks; each is a room's check, bound to its policy. */
export interface GuardParts {
  readonly hosts: HostPolicy
  readonly publicRoutes: PublicRoutes
  /** GET of these is for health checks. */
  readonly healthPaths: ReadonlySet<string>
  readonly flows: FlowMatcher
  /** On every answer. */
  readonly headers: HeaderList
  readonly bearer: boolean
  readonly bodyBytes: number
  readonly logger: Logger
  client(head: RequestHead): { address: string; secure: boolean }
  credentials(head: RequestHead): Credentials
  stripRefresh(cookieHeader: string): string
  https(view: RequestView): Verdict
  overload(view: RequestView): Verdict
  limitAddress(address: string): Verdict
  limitFlow(route: FlowRoute, address: string): Verdict | Promise<Verdict>
  limitUser(userId: string, address: string): Verdict
  limitNamed(
    name: string,
    rate: Rate,
    key: string | undefined,
    address: string,
    owner: object,
  ): Verdict | Promise<Verdict>
  cors(view: RequestView): Verdict
  csrf(view: RequestView): Verdict
  /** Runs a flow so that all it asks of the store ends in time. */
  deadline(run: () => Reply | Promise<Reply>): Reply | Promise<Reply>
  /** A session whose token is good, current and not revoked; undefined when it is not. Rejects when that cannot be told. */
  session(token: string): Session | undefined | Promise<Session | undefined>
}

export interface Guard {
  /** Judges a request. Never throws, never rejects: what fails is an answer. */
  enter(head: RequestHead): Entered | Promise<Entered>
  /** Closes a request that the program around the guard got wrong; the log says what. */
  fail(head: RequestHead, error: unknown): Entered
  /** A Cookie header without our refresh cookie, which application code never sees. */
  stripRefresh(cookieHeader: string): string
  /** Largest body, in bytes. */
  readonly bodyBytes: number
  /** 404 for a guard with no application behind it. */
  notFound(passed: Passed): Reply
}

const COOKIE_TWICE: RefusalKind = { status: 400, code: "cookie.duplicate", title: "A cookie was sent twice." }
const TWO_CREDENTIALS: RefusalKind = {
  status: 400,
  code: "token.two_credentials",
  title: "Send one credential, not two.",
}
const BODY_TOO_LARGE: RefusalKind = { status: 413, code: "body.too_large", title: "The body is too large." }
const METHOD_UNKNOWN: RefusalKind = {
  status: 405,
  code: "route.method",
  title: "This method is not allowed here.",
}
const NOT_FOUND: RefusalKind = { status: 404, code: "route.unknown", title: "There is nothing here." }

export function createGuard(parts: GuardParts): Guard {
  return {
    stripRefresh: parts.stripRefresh,
    bodyBytes: parts.bodyBytes,
    fail: (head, error) => new Entry(parts, head).fail(error),
    notFound: (passed) => (passed as Entry).notFound(),
    enter(head) {
      const entry = new Entry(parts, head)
      try {
        return entry.start()
      } catch (error) {
        return entry.fail(error)
      }
    },
  }
}

/** One request on its way through the table. */
class Entry implements Passed {
  readonly kind = "pass"
  readonly #parts: GuardParts
  readonly #head: RequestHead
  view: RequestView
  session: Session | undefined = undefined
  headers: HeaderList
  #match: FlowMatch | undefined = undefined
  #route: RouteKind = "app-user"
  #cors: Verdict = PASS

  constructor(parts: GuardParts, head: RequestHead) {
    this.#parts = parts
    this.#head = head
    this.headers = parts.headers
    this.view = head as RequestView
  }

  start(): Entered | Promise<Entered> {
    const { parts, head } = { parts: this.#parts, head: this.#head }
    const foreign = checkHost(parts.hosts, head)
    if (foreign !== undefined) return this.#reply(foreign)
    this.view = new View(head, parts.client(head), parts.credentials(head))
    // Its headers stand on every later answer, so that a listed origin can read refusals too; its refusal waits for its row.
    this.#cors = parts.cors(this.view)
    if (this.#cors.kind === "pass") this.#add(this.#cors.headers)
    this.#match = parts.flows.match(this.view.method, this.view.path)
    this.#route = this.#kindOfRoute()
    return this.#walk(ORDER[this.#route], 0)
  }

  #kindOfRoute(): RouteKind {
    const match = this.#match
    if (match === undefined) {
      const { method, path } = this.view
      if (this.#parts.healthPaths.has(path) && (method === "GET" || method === "HEAD")) return "app-health"
      return this.#parts.publicRoutes.has(method, path) ? "app-public" : "app-user"
    }
    return match.kind === "route" ? `flow-${match.route.access}` : "flow-public"
  }

  #walk(rows: readonly Row[], from: number): Entered | Promise<Entered> {
    for (let at = from; at < rows.length; at++) {
      const row = rows[at] as Row
      const verdict = this.#check(row)
      if (verdict instanceof Promise) {
        return verdict
          .then((late) => this.#settle(late) ?? this.#walk(rows, at + 1))
          .catch((error: unknown) => this.fail(error))
      }
      const settled = this.#settle(verdict)
      if (settled !== undefined) return settled
    }
    return this.#arrive()
  }

  #settle(verdict: Verdict): Entered | undefined {
    if (verdict === PASS) return undefined
    if (verdict.kind !== "pass") return this.#reply(verdict)
    this.#add(verdict.headers)
    return undefined
  }

  #check(row: Row): Verdict | Promise<Verdict> {
    const { view } = this
    switch (row) {
      case "https":
        return this.#parts.https(view)
      case "body":
        return this.#checkBody()
      case "overload":
        return this.#parts.overload(view)
      case "address-limit":
        return this.#parts.limitAddress(view.clientAddress)
      case "credential":
        return this.#checkCredential()
      case "cors":
        return this.#cors.kind === "pass" || this.#isExpectedForeigner() ? PASS : this.#cors
      case "csrf":
        return this.#isExpectedForeigner() ? PASS : this.#parts.csrf(view)
      case "flow-limit":
        return this.#match?.kind === "route" && this.#match.route.perAddress !== undefined
          ? this.#parts.limitFlow(this.#match.route, view.clientAddress)
          : PASS
      case "token":
        return this.#checkToken()
      case "user":
        return this.session === undefined ? this.#refuseStranger() : PASS
      case "user-limit":
        return this.session === undefined
          ? PASS
          : this.#parts.limitUser(this.session.userId, view.clientAddress)
    }
  }

  /** A provider's form_post to its own callback: its one origin, sent once. The route itself changes nothing. */
  #isExpectedForeigner(): boolean {
    const expected = this.#match?.kind === "route" ? this.#match.route.foreignOrigin : undefined
    if (expected === undefined) return false
    const origins = this.view.headerValues("origin")
    return origins.length === 1 && origins[0] === expected
  }

  #checkBody(): Verdict {
    const declared = this.view.header("content-length")
    if (declared !== undefined && Number(declared) > this.#parts.bodyBytes) {
      return refuse(BODY_TOO_LARGE, "the declared body is too large", [["connection", "close"]])
    }
    return PASS
  }

  #checkCredential(): Verdict {
    const { duplicate, access, bearer } = this.view.credentials
    if (duplicate !== undefined) return refuse(COOKIE_TWICE, `the cookie ${duplicate} came twice`)
    if (access !== undefined && bearer !== undefined) {
      return refuse(TWO_CREDENTIALS, "an Authorization: Bearer header beside our access cookie")
    }
    return PASS
  }

  #checkToken(): Verdict | Promise<Verdict> {
    const { access, bearer } = this.view.credentials
    const token = access ?? (this.#parts.bearer ? bearer : undefined)
    if (token === undefined) return PASS
    const wanted = this.#route === "app-user" || this.#route === "flow-user"
    let session: Session | undefined | Promise<Session | undefined>
    try {
      session = this.#parts.session(token)
    } catch (error) {
      // A public route goes on without a user; only what needs one is closed when the answer cannot be known.
      if (wanted || !(error instanceof UnavailableError)) throw error
      return PASS
    }
    if (session instanceof Promise) {
      return session.then(
        (late) => {
          this.session = late
          return PASS
        },
        (error: unknown) => {
          if (wanted || !(error instanceof UnavailableError)) throw error
          return PASS
        },
      )
    }
    this.session = session
    return PASS
  }

  #refuseStranger(): Refusal {
    const { refresh, bearer } = this.view.credentials
    const renewable = refresh !== undefined || (this.#parts.bearer && bearer !== undefined)
    return renewable
      ? refuse(REFRESH_NEEDED, "no usable access token, but something to refresh with")
      : refuse(NOT_SIGNED_IN, "no usable access token")
  }

  #arrive(): Entered {
    const match = this.#match
    if (match === undefined) return this
    if (match.kind === "method")
      return this.#reply(refuse(METHOD_UNKNOWN, "no such method", [["allow", match.allow]]))
    if (match.kind === "missing") return this.#reply(refuse(NOT_FOUND, "no such flow"))
    return { kind: "flow", run: (body) => this.#run(match.route, match.params, body) }
  }

  #run(route: FlowRoute, params: Readonly<Record<string, string>>, body: BodyReader): Reply | Promise<Reply> {
    try {
      const call = { view: this.view, session: this.session, params, body }
      const reply = route.storeless === true ? route.run(call) : this.#parts.deadline(() => route.run(call))
      if (reply instanceof Promise)
        return reply.then(
          (late) => this.#finish(late),
          (error: unknown) => this.#failure(error),
        )
      return this.#finish(reply)
    } catch (error) {
      return this.#failure(error)
    }
  }

  take(name: string, rate: Rate, key: string | undefined, owner: object): Verdict | Promise<Verdict> {
    return this.#parts.limitNamed(name, rate, key, this.view.clientAddress, owner)
  }

  tooLarge(): Reply {
    return this.#finish(renderRefusal(refuse(BODY_TOO_LARGE, "a body of unknown length grew too large")))
  }

  notFound(): Reply {
    return this.#finish(renderRefusal(refuse(NOT_FOUND, "no application behind the guard")))
  }

  render(verdict: Verdict): Reply | undefined {
    const settled = this.#settle(verdict)
    return settled?.kind === "reply" ? settled.reply : undefined
  }

  fail(error: unknown): Entered {
    return { kind: "reply", reply: this.#failure(error) }
  }

  #reply(verdict: Exclude<Verdict, { kind: "pass" }>): Entered {
    if (verdict.kind === "answer") return { kind: "reply", reply: this.#finish(verdict.reply) }
    const instance = newInstance()
    const { status, code } = verdict.refusal
    const { method, path } = this.view
    this.#parts.logger.info(
      { instance, status, code, reason: verdict.reason, method, path: path ?? null },
      "refused",
    )
    return { kind: "reply", reply: this.#finish(this.#render(verdict, instance)) }
  }

  /** A page where people look, a problem document everywhere else. */
  #render(refusal: Refusal, instance: string): Reply {
    const route = this.#match?.kind === "route" ? this.#match.route : undefined
    try {
      return route?.refused?.(this.view, refusal, instance) ?? renderRefusal(refusal, instance)
    } catch (error) {
      this.#parts.logger.error({ instance, error: describe(error) }, "a page of a refusal failed")
      return renderRefusal(refusal, instance)
    }
  }

  /** Anything that was thrown closes the request: 503 for what is known to pass, 500 for a fault of the program. */
  #failure(error: unknown): Reply {
    const instance = newInstance()
    if (error instanceof UnavailableError) {
      this.#parts.logger.error({ instance, error: describe(error) }, "unavailable")
      return this.#finish(this.#render(UNAVAILABLE, instance))
    }
    this.#parts.logger.error({ instance, error: describe(error) }, "fault")
    return this.#finish(this.#render(refuse(FAULT, "an unexpected error"), instance))
  }

  #finish(reply: Reply): Reply {
    return { status: reply.status, headers: mergeHeaders(this.headers, reply.headers), body: reply.body }
  }

  #add(headers: HeaderList): void {
    if (headers.length > 0) this.headers = [...this.headers, ...headers]
  }
}

const FAULT: RefusalKind = { status: 500, code: "service.fault", title: "Something went wrong on our side." }

/** The reply's own headers win over the general ones (a page has its own policy); `set-cookie` and `vary` add up. */
function mergeHeaders(general: HeaderList, own: HeaderList): HeaderList {
  const merged: Header[] = []
  for (const header of general) if (header[0] === "vary" || !has(own, header[0])) merged.push(header)
  for (const header of own) merged.push(header)
  return merged
}

function has(headers: HeaderList, name: string): boolean {
  for (const header of headers) if (header[0] === name) return true
  return false
}

/** Name, message and causes: never the thrown object itself, which may carry a request. */
function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return typeof error
  const stack =
    depth === 0 && !(error instanceof UnavailableError)
      ? (error.stack ?? error.message)
      : `${error.name}: ${error.message}`
  return error.cause === undefined || depth > 3 ? stack : `${stack} <- ${describe(error.cause, depth + 1)}`
}
