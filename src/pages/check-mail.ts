import { html } from "hono/html"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import type { MailFlow } from "../store/store.ts"
import type { Form } from "./form.ts"
import { alert, around, field, type Markup, page } from "./layout.ts"
import type { Problem } from "./problem.ts"
import { reference } from "./problem.ts"
import { pageRoute } from "./route.ts"
import type { Site } from "./site.ts"
import { afterSignIn, only, type Visit } from "./visit.ts"

export function checkMailRoutes(site: Site): readonly FlowRoute[] {
  return [
    pageRoute(site, "check-mail", "A mail is on its way; its code can be typed here.", async (visit) =>
      checkMailPage(visit, await flowHere(visit), undefined),
    ),
  ]
}

export function checkMailForms(site: Site): readonly Form[] {
  return [
    {
      name: "email-code",
      flow: "email-link-complete",
      user: false,
      summary: "Signs in by the code from the mail.",
      page: (visit) =>
        visit.href(`${site.basePath}/check-mail`, { for: "email-link", return: visit.returnTo }),
      json: (fields) => ({ code: fields("code") }),
      done: afterSignIn,
      async again(visit, _, problem) {
        const { words } = visit
        const flow = await flowHere(visit)
        const ended =
          problem.code === "link.ended" || problem.code === "email_link.elsewhere" || flow === undefined
        const text =
          problem.code === "body.invalid"
            ? words.invalid.code
            : ended
              ? words.problems["code.ended"]
              : undefined
        return checkMailPage(visit, ended ? undefined : flow, { ...problem, text: text ?? problem.text })
      },
    },
  ]
}

/** The flow that this browser asked for, while it lives. */
export async function flowHere({ site, view }: Visit): Promise<MailFlow | undefined> {
  const key = site.emailLinks.readCookie(site.cookies.flow("sign_in").read(view.headerValues("cookie")))
  const flow = key === undefined ? undefined : await site.store.findMailFlow(key)
  return flow?.purpose === "sign-in" ? flow : undefined
}

function checkMailPage(visit: Visit, flow: MailFlow | undefined, problem: Problem | undefined): Reply {
  const own = visit.words.checkMail
  const asked = only(visit.query, "for")
  const typed = flow !== undefined && asked !== "register" && asked !== "reset"
  const again =
    asked === "register" || asked === "reset"
      ? visit.page(asked)
      : visit.page("signIn", { return: visit.returnTo })
  const told = problem === undefined || typed ? "" : alert(problem.text, reference(visit, problem))
  return page(visit, {
    title: own.title,
    status: problem?.status ?? 200,
    headers: problem?.headers ?? [],
    refused: problem !== undefined,
    body: html`<h1>${own.title}</h1>
${told === "" ? html`<p class="lede">${typed ? around(own.sentTo, { email: html`<b>${flow.email}</b>` }) : own.sent}</p>` : told}
${typed ? codeForm(visit, problem) : ""}
${told === "" ? html`<p class="quiet">${own.late}</p>` : ""}
${again === undefined ? "" : html`<p class="links"><span>${own.again} <a href="${again}">${told === "" ? own.againLink : own.codeEnded}</a></span></p>`}`,
  })
}

function codeForm(visit: Visit, problem: Problem | undefined): Markup {
  const { site, words } = visit
  return html`<form method="post" action="${visit.href(`${site.basePath}/form/email-code`, { for: "email-link", return: visit.returnTo })}">
${problem === undefined ? "" : alert(problem.text, reference(visit, problem))}
${field({ id: "code", label: words.field.code, autocomplete: "one-time-code", numeric: true, focus: true, wrong: problem !== undefined })}
<button>${words.checkMail.submit}</button>
</form>`
}
