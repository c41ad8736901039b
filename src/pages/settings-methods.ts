import { html } from "hono/html"
import type { Identity } from "../store/store.ts"
import { around, field, type Markup, time } from "./layout.ts"
import { titleOf } from "./settings-link.ts"
import { action, button, fold, group, type Section } from "./settings-section.ts"
import { fill } from "./visit.ts"

export function methodSection(section: Section, identities: readonly Identity[]): Markup {
  const { visit, visitor } = section
  const { site, words } = visit
  const own = words.settings
  return group(
    own.methods,
    undefined,
    html`<ul class="rows">
<li><div><h3>${own.password}</h3><p>${visitor.account.passwordHash === null ? own.passwordNone : own.passwordSet}</p></div>
${visitor.account.passwordHash === null ? setForm(section) : fold(section, "password-change", own.changePassword, false, changeForm(section))}</li>
${site.emailLink ? html`<li><div><h3>${own.mailMethod}</h3><p>${fill(own.mailMethodHint, { email: visitor.account.email })}</p></div></li>` : ""}
${identities.map((identity) => identityItem(section, identity))}
${linkItems(section, identities)}
</ul>`,
  )
}

function changeForm(section: Section): Markup {
  const { visit, visitor } = section
  const { site, words } = visit
  const { field: fields, settings } = words
  const wrong = section.refused("password-change")
  const hint = fill(fields.passwordHint, { minimum: site.minimumPassword })
  // The name of the account, so that password managers know whose password this is.
  return html`<form method="post" action="${action(visit, "password-change")}">
${section.alertOf("password-change")}
<input type="text" name="username" value="${visitor.account.email}" autocomplete="username" hidden>
${field({ id: "currentPassword", label: fields.currentPassword, type: "password", autocomplete: "current-password", focus: wrong, wrong })}
${field({ id: "newPassword", label: fields.newPassword, type: "password", autocomplete: "new-password", minimum: site.minimumPassword, hint, wrong })}
<p class="hint">${settings.changePasswordHint}</p>
<button class="small">${settings.savePassword}</button>
</form>`
}

/** Without a password the mailbox proves who may choose one: the same mail as for a forgotten one. */
function setForm(section: Section): Markup {
  const { settings } = section.visit.words
  return html`${button(section.visit, "password-set", settings.setPassword, "second")}${section.alertOf("password-set")}<p>${settings.setPasswordHint}</p>`
}

function identityItem(section: Section, identity: Identity): Markup {
  const { visit } = section
  const own = visit.words.settings
  const title = titleOf(visit.site, identity.provider)
  const name = fill(own.unlink, { title })
  return html`<li><div><h3>${title}</h3><p>${identity.email ?? ""} ${around(own.linked, { date: time(visit, identity.createdAt), used: time(visit, identity.lastUsedAt) })}</p></div>
${button(visit, "identity-unlink", name, "second", { fields: { id: identity.id } })}${section.valueOf("identity-unlink") === identity.id ? section.alertOf("identity-unlink") : ""}</li>`
}

/** Linking starts by a form, so that no other site can start it. */
function linkItems(section: Section, identities: readonly Identity[]): Markup[] {
  const { visit } = section
  const { site, words } = visit
  return site.providers.flatMap(({ name, title }) => {
    if (identities.some(({ provider }) => provider === name)) return []
    const label = fill(words.settings.addProvider, { title })
    return [
      html`<li><div><h3>${title}</h3></div>${button(visit, `link-${name}`, label, "second")}${section.alertOf(`link-${name}`)}</li>`,
    ]
  })
}
