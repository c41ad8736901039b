import { html } from "hono/html"
import type { Challenge } from "../checklist/bot-check/index.ts"
import type { HeaderList, Reply } from "../core/request.ts"
import type { Refusal } from "../core/verdict.ts"
import { alert, page } from "./layout.ts"
import { fill, type Visit } from "./visit.ts"

/** A refusal as people read it. */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly text: string
  /** Of the refusal, for example when to try again. */
  readonly headers: HeaderList
  /** Finds its line in the log. */
  readonly instance: string | undefined
  /** To be answered with the next try. */
  readonly botCheck?: Challenge
}

/** @param title stands in for a code that the catalogue does not know */
export function describeProblem(
  visit: Visit,
  refusal: { readonly status: number; readonly code: string; readonly title: string },
  headers: HeaderList,
  instance: string | undefined,
): Problem {
  const seconds = headers.find(([name]) => name === "retry-after")?.[1] ?? "60"
  const text = fill(visit.words.problems[refusal.code] ?? refusal.title, {
    minimum: visit.site.minimumPassword,
    seconds,
  })
  return { status: refusal.status, code: refusal.code, text, headers, instance }
}

/** A refusal with nothing around it that could be done better. */
export function problemPage(visit: Visit, problem: Problem, next: string | undefined): Reply {
  const { words } = visit
  const target = next ?? visit.page("signIn")
  const label = next === undefined ? words.problem.signIn : words.problem.retry
  return page(visit, {
    title: words.problem.title,
    status: problem.status,
    headers: problem.headers,
    refused: true,
    body: html`<h1>${words.problem.title}</h1>
${alert(problem.text, reference(visit, problem))}
${target === undefined ? "" : html`<p class="actions"><a class="button" href="${target}">${label}</a></p>`}`,
  })
}

/** What the guard refused on a page of ours. */
export function refusedPage(
  visit: Visit,
  refusal: Refusal,
  instance: string | undefined,
  next: string | undefined,
): Reply {
  const unauthorised: HeaderList =
    refusal.refusal.status === 401 ? [["www-authenticate", 'Bearer realm="nightlatch"']] : []
  return problemPage(
    visit,
    describeProblem(visit, refusal.refusal, [...unauthorised, ...refusal.headers], instance),
    next,
  )
}

/** 200, and the next request is one of ours. @param location was checked */
export function bouncePage(visit: Visit, location: string, headers: HeaderList): Reply {
  const { bounce } = visit.words
  return page(visit, {
    title: bounce.title,
    headers,
    refresh: location,
    body: html`<h1>${bounce.title}</h1><p class="lede">${bounce.lede}</p><p class="actions"><a class="button" href="${location}">${bounce.link}</a></p>`,
  })
}

export function reference({ words }: Visit, problem: Problem): string | undefined {
  return problem.status < 500 || problem.instance === undefined
    ? undefined
    : fill(words.layout.reference, {
        instance: problem.instance.slice(problem.instance.lastIndexOf(":") + 1),
      })
}

export function seeOther(location: string, headers: HeaderList = []): Reply {
  return {
    status: 303,
    headers: [["location", location], ["cache-control", "no-store"], ...headers],
    body: null,
  }
}
