/**
 * Attack: a person is brought to open a link that somebody else asked for, or a scanner opens it. Promise: looking changes
 * nothing; the button to sign in is there only in the browser that asked, and everywhere else stands who asked, where the
 * code belongs, and a button to disown it. Source: ASVS 6.6.2; sessions.md, Mail link.
 */
import { html } from "hono/html"
import { sha256 } from "../core/bytes.ts"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { MailFlow } from "../store/store.ts"
import { flowHere } from "./check-mail.ts"
import type { Fields, Form } from "./form.ts"
import { alert, type Markup, page, time } from "./layout.ts"
import { type Problem, problemPage } from "./problem.ts"
import { pageRoute } from "./route.ts"
import type { Site } from "./site.ts"
import { afterSignIn, only, type Visit } from "./visit.ts"

const TOKEN = /^[A-Za-z0-9_-]{43}$/

export function emailLinkPageRoutes(site: Site): readonly FlowRoute[] {
  if (!site.emailLink) return []
  return [
    pageRoute(
      site,
      "email-link",
      "The page a sign-in link leads to. Looking at it changes nothing.",
      async (visit) => {
        if (only(visit.query, "done") === "denied") return deniedPage(visit)
        const token = only(visit.query, "token") ?? ""
        const flow = await findFlow(visit, token)
        if (flow === undefined) return endedPage(visit, { status: 410, headers: [] })
        const here = await flowHere(visit)
        return here?.id === flow.id
          ? signInHerePage(visit, flow, token)
          : elsewherePage(visit, flow, token, 200)
      },
    ),
  ]
}

export function emailLinkForms(site: Site): readonly Form[] {
  const own = (visit: Visit) => visit.href(`${site.basePath}/email-link`)
  const again = async (visit: Visit, fields: Fields, problem: Problem): Promise<Reply> => {
    const refused = ["link.ended", "body.invalid", "email_link.elsewhere"].includes(problem.code)
    if (!refused) return problemPage(visit, problem, undefined)
    const token = fields("token")
    const flow = await findFlow(visit, token)
    return flow === undefined ? endedPage(visit, problem) : elsewherePage(visit, flow, token, problem.status)
  }
  return [
    {
      name: "email-link-open",
      flow: "email-link-complete",
      user: false,
      summary: "Signs in by the link, in the browser that asked for it.",
      page: own,
      json: (fields) => ({ token: fields("token") }),
      done: afterSignIn,
      again,
    },
    {
      name: "email-link-deny",
      flow: "email-link-deny",
      user: false,
      summary: '"I did not ask for this."',
      page: own,
      json: (fields) => ({ token: fields("token") }),
      done: (visit) => visit.href(`${site.basePath}/email-link`, { done: "denied" }),
      again,
    },
  ]
}

/** By the link alone: for showing who asked. */
async function findFlow({ site }: Visit, token: string): Promise<MailFlow | undefined> {
  return TOKEN.test(token) ? site.store.findMailFlowByToken(sha256(token)) : undefined
}

function signInHerePage(visit: Visit, flow: MailFlow, token: string): Reply {
  const own = visit.words.emailLink
  return page(visit, {
    title: own.title,
    body: html`<h1>${own.title}</h1>
<p class="lede">${own.asked}</p>
${whence(visit, flow)}
${tokenForm(visit, "email-link-open", token, html`<button>${own.submit}</button>`)}`,
  })
}

function elsewherePage(visit: Visit, flow: MailFlow, token: string, status: number): Reply {
  const own = visit.words.emailLink
  return page(visit, {
    title: own.elsewhereTitle,
    status,
    body: html`<h1>${own.elsewhereTitle}</h1>
<p class="lede">${own.elsewhere}</p>
<h2>${own.who}</h2>
${whence(visit, flow)}
${tokenForm(visit, "email-link-deny", token, html`<button class="danger" aria-describedby="deny-hint">${own.deny}</button><p class="hint" id="deny-hint">${own.denyHint}</p>`)}`,
  })
}

function tokenForm({ site, href }: Visit, name: string, token: string, inside: Markup): Markup {
  return html`<form method="post" action="${href(`${site.basePath}/form/${name}`)}"><input type="hidden" name="token" value="${token}">${inside}</form>`
}

function whence(visit: Visit, flow: MailFlow): Markup {
  const own = visit.words.emailLink
  return html`<dl class="whence"><div><dt>${own.client}</dt><dd>${flow.client === "" ? own.unknownClient : flow.client}</dd></div><div><dt>${own.network}</dt><dd>${flow.addressPrefix}</dd></div><div><dt>${own.time}</dt><dd>${time(visit, flow.createdAt)}</dd></div></dl>`
}

function deniedPage(visit: Visit): Reply {
  const own = visit.words.emailLink
  return page(visit, {
    title: own.deniedTitle,
    body: html`<h1>${own.deniedTitle}</h1><p class="lede" role="status">${own.denied}</p>`,
  })
}

function endedPage(visit: Visit, problem: Pick<Problem, "status" | "headers">): Reply {
  const own = visit.words.emailLink
  const again = visit.page("signIn")
  return page(visit, {
    title: own.endedTitle,
    status: problem.status,
    headers: problem.headers,
    refused: true,
    body: html`<h1>${own.endedTitle}</h1>
${alert(own.ended)}
${again === undefined ? "" : html`<p class="actions"><a class="button" href="${again}">${own.askAgain}</a></p>`}`,
  })
}
