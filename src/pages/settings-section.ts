import { html } from "hono/html"
import type { Markup } from "./layout.ts"
import type { Visit } from "./visit.ts"
import type { Visitor } from "./visitor.ts"

/** One section's view of the page. */
export interface Section {
  readonly visit: Visit
  readonly visitor: Visitor
  /** The sign-in is older than the risky changes allow. */
  readonly stale: boolean
  /** The alert of a form, if it was refused. */
  alertOf(form: string): Markup | ""
  valueOf(form: string): string | undefined
  refused(form: string): boolean
}

export function group(title: string, lede: string | undefined, body: Markup): Markup {
  const id = `group-${title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}`
  return html`<section class="group" aria-labelledby="${id}"><div><h2 id="${id}">${title}</h2>${lede === undefined ? "" : html`<p>${lede}</p>`}</div>
${body}
</section>`
}

/** A form that is one button. */
export function button(
  visit: Visit,
  form: string,
  label: string,
  look: string,
  more: { readonly fields?: Readonly<Record<string, string>>; readonly name?: string } = {},
): Markup {
  return html`<form method="post" action="${action(visit, form)}">${Object.entries(more.fields ?? {}).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}<button class="small ${look}"${more.name === undefined ? "" : html` aria-label="${more.name}"`}>${label}</button></form>`
}

export function action({ site, href }: Visit, form: string): string {
  return href(`${site.basePath}/form/${form}`)
}

/** Opened when it was refused. Without a recent sign-in it asks for one first, before anything is typed in vain. */
export function fold(
  section: Section,
  form: string,
  summary: string,
  needsRecent: boolean,
  inside: Markup,
): Markup {
  const { visit, stale } = section
  const { words, site } = visit
  const again = visit.page("signIn", { why: "recent", return: site.policy.paths.account })
  const content =
    needsRecent && stale && again !== undefined
      ? html`<div class="inside"><p>${words.settings.recent}</p><p><a href="${again}">${words.settings.recentLink}</a></p></div>`
      : inside
  return html`<details${section.refused(form) ? " open" : ""}><summary>${summary}</summary>${content}</details>`
}
