/**
 * Forms as a skin: the fields become the JSON body of the flow that means the same, the flow decides, and its answer becomes
 * a redirect or the page again. Nothing is decided twice, so no page can allow what the flow refuses.
 */
import { type Challenge, HEADER } from "../checklist/bot-check/index.ts"
import type { FlowCall, FlowRoute } from "../core/flow.ts"
import { newInstance } from "../core/problem.ts"
import type { HeaderList, Reply, RequestView } from "../core/request.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"
import type { Language } from "../flows/language.ts"
import { answerOf, botCheckPage } from "./bot-check.ts"
import { describeProblem, type Problem, problemPage, refusedPage, seeOther } from "./problem.ts"
import type { Site } from "./site.ts"
import { readVisit, type Visit } from "./visit.ts"
import { findVisitor, type Visitor } from "./visitor.ts"

const TYPE: RefusalKind = { status: 415, code: "body.type", title: "Send the form." }
const TOO_LARGE: RefusalKind = { status: 413, code: "body.too_large", title: "The form is too large." }
const BROKEN: RefusalKind = { status: 400, code: "body.broken", title: "The form did not arrive whole." }
const MALFORMED: RefusalKind = { status: 400, code: "body.malformed", title: "A field came twice." }

/** What browsers send, and nothing else. */
const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

/** Fields by name; one that is missing is the empty text. */
export type Fields = (name: string) => string

export interface Form {
  /** The last segment of its path. */
  readonly name: string
  /** The flow behind it, by its route's name. A form without its flow does not exist. */
  readonly flow: string
  /** Whether it is an action of somebody signed in. */
  readonly user: boolean
  readonly summary: string
  /** The page it belongs to, for those who come by another way than its button. */
  readonly page: (visit: Visit) => string | undefined
  json?(fields: Fields, visitor: Visitor | undefined): object
  params?(fields: Fields): Readonly<Record<string, string>>
  /** The page of a success, where it is not simply somewhere to go on. */
  answer?(visit: Visit, reply: Reply): Reply
  /** Where a success leads; without it the flow's own answer goes out. */
  done?(visit: Visit, fields: Fields): string
  /** The page again, with what was typed but the password. */
  again(visit: Visit, fields: Fields, problem: Problem, visitor: Visitor | undefined): Reply | Promise<Reply>
}

/** Codes that ask for a sign-in before anything else. */
const SIGN_IN_FIRST: Readonly<Record<string, "ended" | "recent">> = {
  "session.none": "ended",
  "session.ended": "ended",
  "session.invalid": "ended",
  "guard.recent_sign_in": "recent",
}

export function formRoutes(
  site: Site,
  forms: readonly Form[],
  flows: readonly FlowRoute[],
): readonly FlowRoute[] {
  return forms.flatMap((form) => {
    const flow = flows.find(({ name }) => name === form.flow)
    if (flow === undefined) return []
    const path = `${site.basePath}/form/${form.name}`
    const limit = flow.perAddress === undefined ? {} : { perAddress: flow.perAddress, limitedAs: flow.name }
    const refused = (view: RequestView, refusal: Refusal, instance: string): Reply => {
      const visit = readVisit(site, view)
      return refusedPage(visit, refusal, instance, form.page(visit))
    }
    const post: FlowRoute = {
      name: `form-${form.name}`,
      method: "POST",
      path,
      access: "credential",
      consumes: "application/x-www-form-urlencoded",
      summary: form.summary,
      ...limit,
      run: (call) => submit(site, form, flow, call),
      refused,
    }
    const get: FlowRoute = {
      name: `form-${form.name}-page`,
      method: "GET",
      path,
      access: "credential",
      summary: "Leads to the page of the form.",
      run: (call) => {
        const visit = readVisit(site, call.view)
        return seeOther(form.page(visit) ?? visit.href("/"))
      },
      refused,
    }
    return [post, get]
  })
}

async function submit(site: Site, form: Form, flow: FlowRoute, call: FlowCall): Promise<Reply> {
  const visit = readVisit(site, call.view)
  const typed = await readFields(site, call)
  if (!(typed instanceof URLSearchParams)) return refusedPage(visit, typed, newInstance(), form.page(visit))
  const read: Fields = (name) => typed.get(name) ?? ""
  const visitor = form.user ? await findVisitor(site, call.view) : undefined
  if (form.user && visitor === undefined) return signInFirst(visit, "ended")
  const reply = await flow.run({
    view: asJson(call.view, visit.language, answerOf(flow.name, read)),
    session: visitor?.session ?? call.session,
    params: form.params?.(read) ?? {},
    body: bytesOf(form.json?.(read, visitor)),
  })
  if (reply.status < 300) {
    if (form.answer !== undefined) return form.answer(visit, reply)
    return form.done === undefined ? reply : seeOther(form.done(visit, read), reply.headers.filter(isOurs))
  }
  const problem = problemOf(visit, reply)
  const { botCheck } = problem
  if (flow.botCheck?.before === "mail" && botCheck !== undefined)
    return botCheckPage(visit, flow.name, { ...problem, botCheck }, [...typed])
  const first = SIGN_IN_FIRST[problem.code]
  return first === undefined ? form.again(visit, read, problem, visitor) : signInFirst(visit, first)
}

/** To the sign-in page, and back to the account. */
export function signInFirst(visit: Visit, why: "ended" | "recent"): Reply {
  const target = visit.page("signIn", { why, return: visit.site.policy.paths.account })
  if (target !== undefined) return seeOther(target)
  const kind = { status: 401, code: "session.none", title: "Sign in first." }
  return problemPage(visit, describeProblem(visit, kind, [], undefined), undefined)
}

/** Cookies, and the wish that the browser forgets: what must not be lost with the answer's body. */
function isOurs([name]: HeaderList[number]): boolean {
  return name === "set-cookie" || name === "clear-site-data"
}

function problemOf(visit: Visit, reply: Reply): Problem {
  const {
    status = reply.status,
    code = "service.fault",
    title = "",
    instance,
    botCheck,
  } = JSON.parse(reply.body ?? "{}") as {
    status?: number
    code?: string
    title?: string
    instance?: string
    botCheck?: Challenge
  }
  const headers = reply.headers.filter(([name]) => name !== "content-type" && name !== "cache-control")
  const problem = describeProblem(visit, { status, code, title }, headers, instance)
  return botCheck === undefined ? problem : { ...problem, botCheck }
}

async function readFields(site: Site, { view, body }: FlowCall): Promise<URLSearchParams | Refusal> {
  if (!FORM_TYPE.test(view.header("content-type") ?? "") || view.header("content-encoding") !== undefined)
    return refuse(TYPE, "the body is not a form")
  const read = await body(site.bodyBytes)
  if (read.kind === "too-large") return refuse(TOO_LARGE, "the form is too large", [["connection", "close"]])
  if (read.kind === "broken") return refuse(BROKEN, "the form broke off")
  const fields = new URLSearchParams(Buffer.from(read.bytes).toString("utf8"))
  for (const name of new Set(fields.keys())) {
    if (fields.getAll(name).length > 1) return refuse(MALFORMED, "a field came twice")
  }
  return fields
}

function bytesOf(json: object | undefined): FlowCall["body"] {
  const bytes = Buffer.from(json === undefined ? "" : JSON.stringify(json))
  return async () => ({ kind: "bytes", bytes })
}

/**
 * The same request as the flow would have seen it from a script of ours, in the language of the page.
 * @param answer to the flow's bot check; a form sends it as a field, and a header that came along counts for nothing
 */
function asJson(view: RequestView, language: Language, answer: string | undefined): RequestView {
  const own = new Map<string, string | undefined>([
    ["content-type", "application/json"],
    ["accept-language", language],
    ["sec-fetch-dest", undefined],
    [HEADER, answer],
  ])
  return {
    method: view.method,
    target: view.target,
    path: view.path,
    query: view.query,
    peerAddress: view.peerAddress,
    encrypted: view.encrypted,
    clientAddress: view.clientAddress,
    secure: view.secure,
    credentials: view.credentials,
    header: (name) => (own.has(name) ? own.get(name) : view.header(name)),
    headerValues(name) {
      const value = own.get(name)
      return own.has(name) ? (value === undefined ? [] : [value]) : view.headerValues(name)
    },
  }
}
