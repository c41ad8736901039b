import { html } from "hono/html"
import { around, type Markup, time } from "./layout.ts"
import { action, button, fold, group, type Section } from "./settings-section.ts"
import { fill } from "./visit.ts"

export function dataSection(section: Section): Markup {
  const { visit, visitor } = section
  const own = visit.words.settings
  const { deletionAt } = visitor.account
  return group(
    own.data,
    undefined,
    html`<ul class="rows">
<li><div><h3>${own.download}</h3><p>${own.downloadHint}</p></div>${button(visit, "export", own.downloadSubmit, "second", { name: own.download })}</li>
${
  deletionAt === null
    ? html`<li><div><h3>${own.delete}</h3><p>${fill(own.deleteHint, { days: visit.site.deletionDays })}</p></div>${fold(section, "account-delete", own.deleteOpen, true, deleteForm(section))}</li>`
    : html`<li><div><h3>${own.delete}</h3><p>${around(own.deleting, { date: time(visit, deletionAt) })}</p></div>${button(visit, "account-keep", own.keep, "")}</li>`
}
</ul>`,
  )
}

function deleteForm(section: Section): Markup {
  const { visit } = section
  return html`<form method="post" action="${action(visit, "account-delete")}">${section.alertOf("account-delete")}<button class="small danger">${visit.words.settings.deleteSubmit}</button></form>`
}
