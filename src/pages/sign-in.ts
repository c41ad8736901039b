import { html } from "hono/html"
import type { Challenge } from "../checklist/bot-check/index.ts"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import { botCheck } from "./bot-check.ts"
import type { Form } from "./form.ts"
import { alert, field, type Markup, notice, page } from "./layout.ts"
import { type Problem, reference, seeOther } from "./problem.ts"
import { replaceableRoute } from "./route.ts"
import type { Site } from "./site.ts"
import { afterSignIn, fill, only, type Visit } from "./visit.ts"
import { findVisitor } from "./visitor.ts"

interface SignInInput {
  readonly email: string
  readonly remember: boolean
  readonly problem?: Problem
  readonly above?: Markup | ""
  /** For the password's button, when it will be asked for. */
  readonly botCheck?: Challenge | undefined
}

export function signInRoutes(site: Site): readonly FlowRoute[] {
  return replaceableRoute(site, "signIn", "sign-in", "The sign-in page.", async (visit, call) => {
    const { words } = visit
    const visitor = await findVisitor(site, call.view)
    const why = only(visit.query, "why")
    const done = only(visit.query, "done")
    const told =
      why === "recent"
        ? words.signIn.recent
        : visitor !== undefined
          ? undefined
          : why === "ended"
            ? words.signIn.ended
            : done === "out"
              ? words.signIn.doneOut
              : done === "reset"
                ? words.signIn.doneReset
                : undefined
    const linking = site.providers.find(({ name }) => name === only(visit.query, "linking"))
    const asked = linking === undefined ? told : fill(words.signIn.linking, { title: linking.title })
    const already =
      visitor === undefined || why === "recent"
        ? notice(asked)
        : html`<p class="notice">${fill(words.signIn.signedIn, { email: visitor.account.email })} <a href="${afterSignIn(visit)}">${words.signIn.continue}</a></p>`
    return signInPage(visit, {
      email: why === "recent" ? (visitor?.account.email ?? "") : "",
      remember: visitor?.stored.persistent ?? true,
      above: already,
      botCheck: await site.botCheck.offerSignIn(call.view.clientAddress),
    })
  })
}

export function signInForms(site: Site): readonly Form[] {
  const signIn = (visit: Visit) => visit.page("signIn", { return: visit.returnTo })
  const remember = (value: string) => value === "on"
  const password: Form = {
    name: "sign-in",
    flow: "login",
    user: false,
    summary: "Signs in by the form of the sign-in page.",
    page: signIn,
    json: (fields) => ({
      email: fields("email"),
      password: fields("password"),
      remember: remember(fields("remember")),
    }),
    done: afterSignIn,
    again: (visit, fields, problem) =>
      signInPage(visit, {
        email: fields("email"),
        remember: remember(fields("remember")),
        problem: problem.code === "body.invalid" ? { ...problem, text: visit.words.invalid.signIn } : problem,
        botCheck: problem.botCheck,
      }),
  }
  const link: Form = {
    name: "email-link",
    flow: "email-link",
    user: false,
    summary: "Asks for a link and a code by mail.",
    page: signIn,
    json: (fields) => ({ email: fields("email"), remember: remember(fields("remember")) }),
    done: (visit) => visit.href(`${site.basePath}/check-mail`, { for: "email-link", return: visit.returnTo }),
    again: (visit, fields, problem) =>
      signInPage(visit, {
        email: fields("email"),
        remember: remember(fields("remember")),
        problem: problem.code === "body.invalid" ? { ...problem, text: visit.words.invalid.email } : problem,
      }),
  }
  const out: Form = {
    name: "sign-out",
    flow: "logout",
    user: false,
    summary: "Signs out.",
    page: (visit) => visit.page("account"),
    done: (visit) => visit.page("signIn", { done: "out" }) ?? visit.href(site.policy.afterSignIn),
    again: () => seeOther(site.policy.paths.account ?? "/"),
  }
  return site.policy.ours.has("signIn") ? [password, link, out] : [out]
}

function signInPage(visit: Visit, input: SignInInput): Reply {
  const { site, words, returnTo } = visit
  const { problem, botCheck: challenge } = input
  const action = (name: string) => visit.href(`${site.basePath}/form/${name}`, { return: returnTo })
  const reset = visit.page("reset")
  const register = site.registration === "closed" ? undefined : visit.page("register")
  const wrong = problem !== undefined && !problem.code.startsWith("bot_check.")
  const byPassword = wrong && problem.text !== words.invalid.email
  return page(visit, {
    title: words.signIn.title,
    status: problem?.status ?? 200,
    headers: problem?.headers ?? [],
    refused: problem !== undefined,
    botCheck: challenge,
    body: html`<h1>${words.signIn.title}</h1>
${input.above ?? ""}
<form method="post" action="${action("sign-in")}">
${problem === undefined ? "" : alert(problem.text, reference(visit, problem))}
${field({ id: "email", label: words.field.email, type: "email", autocomplete: "username", value: input.email, focus: input.email === "", wrong })}
${field({ id: "password", label: words.field.password, type: "password", autocomplete: "current-password", focus: input.email !== "", wrong: byPassword })}
<div class="row"><label class="tick"><input type="checkbox" name="remember"${input.remember ? " checked" : ""}> ${words.field.remember}</label></div>
${challenge === undefined ? "" : botCheck(visit, "login", challenge, false)}
<button>${words.signIn.submit}</button>
${site.emailLink ? html`<button class="second" formaction="${action("email-link")}" formnovalidate>${words.signIn.link}</button>` : ""}
</form>
${providers(visit)}
<p class="links">${reset === undefined ? "" : html`<a href="${reset}">${words.signIn.forgot}</a>`}${register === undefined ? "" : html`<a href="${register}">${words.signIn.register}</a>`}</p>`,
  })
}

function providers(visit: Visit): Markup | "" {
  const { site, words, returnTo } = visit
  if (site.providers.length === 0) return ""
  return html`<p class="or"><span>${words.signIn.or}</span></p>
<ul class="providers">${site.providers.map(
    ({ href, title }) =>
      html`<li><a class="button second" href="${visit.href(href, { return: returnTo })}">${fill(words.signIn.provider, { title })}</a></li>`,
  )}</ul>`
}
