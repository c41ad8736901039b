/** Adding a provider to the account: a form begins it, so that no other site can, and a page of ours leads on to the provider. */
import { html } from "hono/html"
import type { Reply } from "../core/request.ts"
import { openPending } from "../flows/pending-link.ts"
import type { Markup } from "./layout.ts"
import { bouncePage } from "./problem.ts"
import { button, type Section } from "./settings-section.ts"
import type { Site } from "./site.ts"
import { fill, type Visit } from "./visit.ts"

/** `form-action 'self'` lets no form end at the provider, so the answer is a page that goes there. */
export function leadOn(visit: Visit, reply: Reply): Reply {
  const { location = "" } = JSON.parse(reply.body ?? "{}") as { location?: string }
  return bouncePage(
    visit,
    location,
    reply.headers.filter(([name]) => name === "set-cookie"),
  )
}

/** What a provider said in this browser and is still nobody's. */
export function pendingNotice({ visit, alertOf }: Section): Markup | "" {
  const { site, view, words } = visit
  const cookie = site.cookies.flow("pending_link").read(view.headerValues("cookie"))
  const pending = openPending(site.linkKeys.list, cookie, site.clock())
  if (pending === undefined) return ""
  const { provider, email } = pending.identity
  const title = titleOf(site, provider)
  const own = words.settings
  return html`<div class="notice"><p>${fill(own.pending, { title, email: email ?? title })}</p>
${button(visit, "link-pending", fill(own.addProvider, { title }), "")}${alertOf("link-pending")}</div>`
}

export function titleOf(site: Site, provider: string): string {
  return site.providers.find(({ name }) => name === provider)?.title ?? provider
}
