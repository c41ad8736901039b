/**
 * The account page. It shows what the store has for the session that came, and every button is a form over the flow that
 * decides. Without a session nothing is shown; what another site opened is asked for once more, because Strict cookies
 * stay away from it.
 */
import { html } from "hono/html"
import type { FlowRoute } from "../core/flow.ts"
import type { Reply } from "../core/request.ts"
import { refuseStale } from "../flows/answer.ts"
import { type Form, signInFirst } from "./form.ts"
import { alert, notice, page } from "./layout.ts"
import { bouncePage, type Problem, problemPage, reference } from "./problem.ts"
import { replaceableRoute } from "./route.ts"
import { dataSection } from "./settings-data.ts"
import { pendingNotice } from "./settings-link.ts"
import { methodSection } from "./settings-methods.ts"
import { profileSection } from "./settings-profile.ts"
import { button, type Section } from "./settings-section.ts"
import { eventSection, sessionSection } from "./settings-sessions.ts"
import type { Site } from "./site.ts"
import { only, type Visit } from "./visit.ts"
import { cameFromElsewhere, findVisitor, type Visitor } from "./visitor.ts"

/** A form of this page, by its name, and what was refused of it. */
interface Refused {
  readonly form: string
  readonly problem: Problem
  /** What was typed, never a password. */
  readonly value?: string
}

export function settingsRoutes(site: Site): readonly FlowRoute[] {
  return replaceableRoute(site, "account", "settings", "The account page.", async (visit, call) => {
    const visitor = await findVisitor(site, call.view)
    if (visitor !== undefined) return settingsPage(visit, visitor)
    const again = only(visit.query, "again") !== undefined
    return cameFromElsewhere(call.view) && !again
      ? bouncePage(visit, visit.href(`${site.basePath}/settings`, { again: "1" }), [])
      : signInFirst(visit, "ended")
  })
}

async function settingsPage(visit: Visit, visitor: Visitor, refused?: Refused): Promise<Reply> {
  const { site, words } = visit
  const { store } = site
  const accountId = visitor.account.id
  const [sessions, identities, events, change] = await Promise.all([
    store.listSessions(accountId),
    store.listIdentities(accountId),
    store.listEvents({ accountId, limit: 15 }),
    store.findEmailChange(accountId),
  ])
  const section: Section = {
    visit,
    visitor,
    stale: refuseStale(site, { session: visitor.session }) !== undefined,
    alertOf: (form) =>
      refused?.form === form ? alert(refused.problem.text, reference(visit, refused.problem)) : "",
    valueOf: (form) => (refused?.form === form ? refused.value : undefined),
    refused: (form) => refused?.form === form,
  }
  const done = only(visit.query, "done")
  const told = done === undefined ? undefined : Object.hasOwn(words.done, done) ? words.done[done] : undefined
  return page(visit, {
    title: words.settings.title,
    wide: true,
    status: refused?.problem.status ?? 200,
    headers: refused?.problem.headers ?? [],
    refused: refused !== undefined,
    body: html`<div class="top"><h1>${words.settings.title}</h1>${button(visit, "sign-out", words.settings.signOut, "second")}</div>
${notice(told)}
${pendingNotice(section)}
${profileSection(section, change)}
${methodSection(section, identities)}
${sessionSection(section, sessions)}
${eventSection(section, events)}
${dataSection(section)}`,
  })
}

/** The account page again, after a form of it was refused. */
export function settingsAgain(
  form: string,
  invalid?: "email" | "codes" | "passwords",
  keeps?: string,
): Form["again"] {
  return (visit, fields, given, visitor) => {
    if (visitor === undefined) return problemPage(visit, given, undefined)
    const wrong = given.code === "body.invalid" && invalid !== undefined
    const problem = wrong ? { ...given, text: visit.words.invalid[invalid] } : given
    return settingsPage(visit, visitor, {
      form,
      problem,
      ...(keeps === undefined ? {} : { value: fields(keeps) }),
    })
  }
}
