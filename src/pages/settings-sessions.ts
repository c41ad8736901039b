import { html } from "hono/html"
import type { SecurityEvent } from "../core/event.ts"
import type { StoredSession } from "../store/store.ts"
import { around, type Markup, time } from "./layout.ts"
import { button, group, type Section } from "./settings-section.ts"
import { fill } from "./visit.ts"

export function sessionSection(section: Section, sessions: readonly StoredSession[]): Markup {
  const { visit, visitor } = section
  const own = visit.words.settings
  const here = sessions.filter(({ id }) => id === visitor.stored.id)
  const others = sessions.filter(({ id }) => id !== visitor.stored.id)
  return group(
    own.sessions,
    own.sessionsLede,
    html`<div>${section.alertOf("session-end")}${section.alertOf("sessions-end")}<ul class="rows">${[...here, ...others].map((session) => sessionItem(section, session))}
${others.length === 0 ? "" : html`<li><div></div>${button(visit, "sessions-end", own.endOthers, "danger")}</li>`}</ul></div>`,
  )
}

function sessionItem({ visit, visitor }: Section, session: StoredSession): Markup {
  const own = visit.words.settings
  const device = session.client === "" ? own.unknownDevice : session.client
  const network = session.addressPrefix
  const times = html`${around(own.started, { date: time(visit, session.createdAt) })}, ${around(own.lastUsed, { date: time(visit, session.rotatedAt ?? session.createdAt) })}`
  const end =
    session.id === visitor.stored.id
      ? html`<span class="here">${own.thisBrowser}</span>`
      : button(visit, "session-end", own.end, "second", {
          fields: { id: session.id },
          name: fill(own.endNamed, { device, network }),
        })
  return html`<li><div><h3>${device}</h3><p>${network}</p><p>${times}</p></div>${end}</li>`
}

export function eventSection({ visit }: Section, events: readonly SecurityEvent[]): Markup {
  const { words } = visit
  const own = words.settings
  const list = html`<ul class="rows events">${events.map((event) => {
    const count = event.count > 1 ? ` (${fill(own.times, { count: event.count })})` : ""
    const whence = [event.client ?? "", event.addressPrefix ?? ""].filter((part) => part !== "").join(", ")
    return html`<li><div><b>${words.events[event.type]}${count}</b>${whence === "" ? "" : html`<p>${whence}</p>`}</div>${time(visit, event.at)}</li>`
  })}</ul>`
  return group(own.events, own.eventsLede, events.length === 0 ? html`<p>${own.noEvents}</p>` : list)
}
