/**
 * The bot check as people see it: no puzzle and nothing to press for the proof of work, the provider's widget otherwise. A
 * form without a password that is asked for it becomes a page of its own, which goes on by itself; the sign-in page never
 * puts a password back, so it asks once more and works meanwhile.
 */
import { html } from "hono/html"
import { type Challenge, WIDGETS, type WidgetName, writeAnswer } from "../checklist/bot-check/index.ts"
import type { Reply } from "../core/request.ts"
import { alert, type Markup, page } from "./layout.ts"
import { type Problem, reference } from "./problem.ts"
import type { Visit } from "./visit.ts"

const ANSWER = "bot-check-answer-"
const TICKET = "bot-check-ticket-"

/**
 * What the fields of a form answer to the flow's challenge, as the flow's header has it. They are named after the flow, so
 * that no other button of the form sends them to another one.
 */
export function answerOf(flow: string, field: (name: string) => string): string | undefined {
  const answer = field(ANSWER + flow)
  if (answer !== "") return answer
  const ticket = field(TICKET + flow)
  if (ticket === "") return undefined
  const token = Object.values(WIDGETS).find(({ field: name }) => field(name) !== "")
  return writeAnswer({ ticket, token: token === undefined ? "" : field(token.field) })
}

/** What the script is told, and what stands in the form for it. */
interface Part {
  readonly how: Readonly<Record<string, unknown>>
  readonly inside: Markup
}

/** Inside a form, before its button. @param go presses the form's own button when there is an answer */
export function botCheck(visit: Visit, flow: string, challenge: Challenge, go: boolean): Markup {
  const { working, slow, done, failed, widget, again, noScript } = visit.words.botCheck
  const { how, inside } =
    challenge.provider === "altcha" ? proofOf(visit, flow, challenge) : widgetOf(visit, flow, challenge)
  const told = JSON.stringify({ ...how, go, words: { working, slow, done, failed, widget } })
  return html`<div class="bot-check" data-bot-check="${told}">
<p role="status"></p>
${inside}
<button type="button" class="second small" hidden>${again}</button>
<p class="plain">${noScript}</p>
</div>`
}

function proofOf(
  { site }: Visit,
  flow: string,
  { challenge }: Challenge & { readonly provider: "altcha" },
): Part {
  const worker = `${site.basePath}/altcha.js?v=${site.versions["altcha.js"]}`
  return { how: { challenge, worker }, inside: html`<input type="hidden" name="${ANSWER + flow}">` }
}

function widgetOf(
  { language }: Visit,
  flow: string,
  challenge: Challenge & { readonly provider: WidgetName },
): Part {
  const { script, global, parameters } = WIDGETS[challenge.provider]
  const widget = { script, global, parameters: parameters({ ...challenge, language }) }
  return {
    how: { widget },
    inside: html`<input type="hidden" name="${TICKET + flow}" value="${challenge.ticket}"><div class="widget"></div>`,
  }
}

/** The form once more, with nothing to fill in. */
export function botCheckPage(
  visit: Visit,
  flow: string,
  problem: Problem & { readonly botCheck: Challenge },
  typed: readonly (readonly [name: string, value: string])[],
): Reply {
  const { words, view } = visit
  const { botCheck: challenge } = problem
  const first = problem.code === "bot_check.required"
  const kept = typed.filter(
    ([name]) => !name.startsWith("bot-check-") && !name.endsWith("-response") && !/password/i.test(name),
  )
  return page(visit, {
    title: words.botCheck.title,
    status: problem.status,
    headers: problem.headers,
    refused: !first,
    botCheck: challenge,
    body: html`<h1>${words.botCheck.title}</h1>
<p class="lede">${challenge.provider === "altcha" ? words.botCheck.lede : words.botCheck.widgetLede}</p>
<form method="post" action="${view.path}${view.query === "" ? "" : `?${view.query}`}">
${first ? "" : alert(problem.text, reference(visit, problem))}
${kept.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${botCheck(visit, flow, challenge, first && challenge.provider === "altcha")}
<button>${words.botCheck.submit}</button>
</form>`,
  })
}
