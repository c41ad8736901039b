import { html } from "hono/html"
import type { MailFlow } from "../store/store.ts"
import { around, field, type Markup, time } from "./layout.ts"
import { action, fold, group, type Section } from "./settings-section.ts"

export function profileSection(
  section: Section,
  change: { readonly old: MailFlow; readonly new: MailFlow } | undefined,
): Markup {
  const { visit, visitor } = section
  const own = visit.words.settings
  return group(
    own.profile,
    undefined,
    html`<div class="rows"><div><div><h3>${own.address}</h3><p>${visitor.account.email}</p><p>${around(own.since, { date: time(visit, visitor.account.createdAt) })}</p></div>
${change === undefined ? "" : codesForm(section, change)}
${fold(section, "email-change", own.changeAddress, true, askForm(section))}</div></div>`,
  )
}

function askForm(section: Section): Markup {
  const { visit } = section
  const { field: fields, settings } = visit.words
  return html`<form method="post" action="${action(visit, "email-change")}">
${section.alertOf("email-change")}
<p>${settings.changeAddressHint}</p>
${field({ id: "newEmail", label: fields.newEmail, type: "email", autocomplete: "email", value: section.valueOf("email-change"), focus: section.refused("email-change"), wrong: section.refused("email-change") })}
<button class="small">${settings.askCodes}</button>
</form>`
}

/** Both codes are under way: they are asked for in plain sight. */
function codesForm(section: Section, change: { readonly old: MailFlow; readonly new: MailFlow }): Markup {
  const { visit } = section
  const { field: fields, settings } = visit.words
  const wrong = section.refused("email-change-complete")
  const lede = around(settings.codesLede, {
    old: html`<b>${change.old.email}</b>`,
    new: html`<b>${change.new.email}</b>`,
  })
  return html`<div class="whole"><form method="post" action="${action(visit, "email-change-complete")}">
${section.alertOf("email-change-complete")}
<p>${lede}</p>
${field({ id: "oldCode", label: fields.oldCode, autocomplete: "one-time-code", numeric: true, focus: wrong, wrong })}
${field({ id: "newCode", label: fields.newCode, autocomplete: "one-time-code", numeric: true, wrong })}
<button class="small">${settings.saveAddress}</button>
</form></div>`
}
