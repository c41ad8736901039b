/**
 * The two pages that a mail's link with a fragment leads to. A script reads the fragment, which no server and no log sees;
 * without scripts the link is pasted. A password that is refused does not cost the link.
 */
import { html } from "hono/html"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { Form } from "./form.ts"
import { alert, field, type Markup, page } from "./layout.ts"
import { type Problem, reference } from "./problem.ts"
import { replaceableRoute } from "./route.ts"
import type { Site } from "./site.ts"
import { afterSignIn, fill, type Visit } from "./visit.ts"

type Kind = "register" | "reset"

const FLOWS = {
  register: { ask: "register", complete: "register-complete" },
  reset: { ask: "password-forgot", complete: "password-reset" },
} as const

/** A whole link, or its token alone. */
const TOKEN = /(?:^|[#?&]token=)([A-Za-z0-9_-]{43})$/

export function tokenPageRoutes(site: Site): readonly FlowRoute[] {
  return (["register", "reset"] as const).flatMap((kind) =>
    replaceableRoute(site, kind, kind, "The page a mail's link leads to.", (visit) =>
      askPage(visit, kind, {}),
    ),
  )
}

export function tokenForms(site: Site): readonly Form[] {
  return (["register", "reset"] as const)
    .filter((kind) => site.policy.ours.has(kind))
    .flatMap((kind) => formsOf(site, kind))
}

function formsOf(site: Site, kind: Kind): readonly Form[] {
  const own = (visit: Visit) => visit.page(kind)
  return [
    {
      name: FLOWS[kind].ask,
      flow: FLOWS[kind].ask,
      user: false,
      summary: "Asks for a link by mail.",
      page: own,
      json: (fields) => ({ email: fields("email") }),
      done: (visit) => visit.href(`${site.basePath}/check-mail`, { for: kind }),
      again: (visit, fields, problem) =>
        askPage(visit, kind, {
          email: fields("email"),
          problem:
            problem.code === "body.invalid" ? { ...problem, text: visit.words.invalid.email } : problem,
        }),
    },
    {
      name: FLOWS[kind].complete,
      flow: FLOWS[kind].complete,
      user: false,
      summary: "Chooses the password that a link allows.",
      page: own,
      json: (fields) => ({
        token: TOKEN.exec(fields("link").trim())?.[1] ?? "",
        password: fields("password"),
      }),
      done:
        kind === "register"
          ? afterSignIn
          : (visit) => visit.page("signIn", { done: "reset" }) ?? visit.href(site.policy.afterSignIn),
      again(visit, fields, problem) {
        const token = TOKEN.exec(fields("link").trim())?.[1]
        if (token === undefined || problem.code === "link.ended") return endedPage(visit, kind, problem)
        const text = problem.code === "body.invalid" ? visit.words.invalid.password : problem.text
        return completePage(visit, kind, token, { ...problem, text })
      },
    },
  ]
}

interface AskInput {
  readonly email?: string
  readonly problem?: Problem
}

function askPage(visit: Visit, kind: Kind, { email, problem }: AskInput): Reply {
  const { site, words } = visit
  const own = words[kind]
  const closed = kind === "register" && site.registration === "closed"
  const ask = html`<p class="lede">${own.lede}</p>
<form method="post" action="${visit.href(`${site.basePath}/form/${FLOWS[kind].ask}`)}">
${problem === undefined ? "" : alert(problem.text, reference(visit, problem))}
${field({ id: "email", label: words.field.email, type: "email", autocomplete: "username", value: email, focus: true, wrong: problem !== undefined })}
<button>${own.submit}</button>
</form>`
  return page(visit, {
    title: own.title,
    status: problem?.status ?? 200,
    headers: problem?.headers ?? [],
    refused: problem !== undefined,
    body: html`<h1>${own.title}</h1>
<section class="ask">${closed ? html`<p class="lede">${words.register.closed}</p>` : ask}</section>
<section class="complete optional"><div class="paste"><h2>${own.have}</h2><p>${own.haveLede}</p></div>
${completeForm(visit, kind, html`<div class="paste">${field({ id: "link", label: words.field.link, autocomplete: "off", hint: words.field.linkHint })}</div>`, undefined)}
</section>
${signInLink(visit, kind)}`,
  })
}

function completePage(visit: Visit, kind: Kind, token: string, problem: Problem): Reply {
  const own = visit.words[kind]
  return page(visit, {
    title: own.choose,
    status: problem.status,
    headers: problem.headers,
    refused: true,
    body: html`<h1>${own.choose}</h1>
${completeForm(visit, kind, html`<input type="hidden" name="link" value="${token}">`, problem)}`,
  })
}

function completeForm(visit: Visit, kind: Kind, link: Markup, problem: Problem | undefined): Markup {
  const { site, words } = visit
  const hint = fill(words.field.passwordHint, { minimum: site.minimumPassword })
  return html`<form method="post" action="${visit.href(`${site.basePath}/form/${FLOWS[kind].complete}`)}" class="token">
${problem === undefined ? "" : alert(problem.text, reference(visit, problem))}
${link}
${field({ id: "password", label: words.field.newPassword, type: "password", autocomplete: "new-password", minimum: site.minimumPassword, hint, focus: problem !== undefined, wrong: problem !== undefined })}
<button>${words[kind].finish}</button>
</form>`
}

function endedPage(visit: Visit, kind: Kind, problem: Problem): Reply {
  const { words } = visit
  return page(visit, {
    title: words.emailLink.endedTitle,
    status: problem.status,
    headers: problem.headers,
    refused: true,
    body: html`<h1>${words.emailLink.endedTitle}</h1>
${alert(words.emailLink.ended)}
<p class="actions"><a class="button" href="${visit.page(kind) ?? "/"}">${words.emailLink.askAgain}</a></p>`,
  })
}

function signInLink(visit: Visit, kind: Kind): Markup | "" {
  const target = visit.page("signIn")
  return target === undefined
    ? ""
    : html`<p class="links"><a href="${target}">${visit.words[kind].signIn}</a></p>`
}
