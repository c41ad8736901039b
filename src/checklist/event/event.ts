/**
 * Attack: one that nobody can reconstruct afterwards, because the event was lost with the transaction, changed, drowned in
 * attempts, or written with the secrets that the attacker wanted.
 * Promise: an event is written in the transaction of what it tells; events are append-only; failed attempts are counted per
 * account, network and minute; times are UTC, addresses only networks, and no secret is ever in it.
 * Source: ASVS 16.2.1, 16.2.5, 16.3, 16.4.1.
 */
import { EVENT_TYPES, type EventType, type SecurityEvent, type Severity } from "../../core/event.ts"
import type { Facts, LineState } from "../../core/facts.ts"

const WORDS: Readonly<Record<EventType, string>> = {
  "account.created": "Account created",
  "account.invited": "Invitation sent",
  "account.disabled": "Account disabled",
  "account.enabled": "Account enabled again",
  "account.deleted": "Account deleted",
  "account.roles_changed": "Roles changed",
  "session.started": "Signed in",
  "session.signed_out": "Signed out",
  "session.ended_by_user": "Session ended from the list",
  "session.all_ended": "All other sessions ended",
  "session.replaced": "Session replaced by a new sign-in",
  "session.reuse": "An old refresh token was used again: the session was ended",
  "session.parent_late": "A refresh token came too late: signed out for safety",
  "session.rollback": "The database is older than a token: restored, or a key leaked",
  "password.changed": "Password changed",
  "password.reset": "Password reset by mail",
  "password.rehashed": "Password hash renewed",
  "email_link.asked": "Sign-in link asked for",
  "email_link.failed": "Wrong sign-in code",
  "email_link.denied": "Sign-in link disowned by its recipient",
  "oauth.refused": "Sign-in at a provider refused",
  "identity.linked": "Sign-in method added",
  "identity.unlinked": "Sign-in method removed",
  "email.change_asked": "Change of address asked for",
  "email.changed": "Address changed",
  "account.exported": "Data downloaded",
  "account.deletion_asked": "Deletion of the account asked for",
  "account.deletion_cancelled": "Deletion of the account taken back",
  "login.failed": "Wrong password or unknown address",
  "login.closed": "Password closed after many failures",
  "mail.failed": "A mail could not be sent",
  "mail.limited": "A mail was not sent: limit reached",
  "secret.added": "A root secret was added, or a process has another origin",
  "secret.removed": "A root secret was removed or the origin changed: what it signed is refused",
  "store.restored": "The database was restored: every session was ended",
  "store.went_back":
    "The database is older than it was a minute ago: a copy was restored, or a fail-over lost commits",
}

/** One line in plain words, without ids. */
export function describeEvent(
  event: Pick<SecurityEvent, "type" | "count" | "addressPrefix" | "client">,
): string {
  const times = event.count > 1 ? ` (${event.count} times)` : ""
  const from = event.addressPrefix === undefined ? "" : `, from ${event.addressPrefix}`
  const by = event.client === undefined || event.client === "" ? "" : `, ${event.client}`
  return oneLine(`${WORDS[event.type]}${times}${from}${by}`)
}

export function severityOf(type: EventType): Severity {
  return EVENT_TYPES[type]
}

/** For a log: time in UTC, and nothing that could begin a line of its own. */
export function eventRecord(event: SecurityEvent): Readonly<Record<string, string | number>> {
  const record: Record<string, string | number> = {
    at: new Date(event.at).toISOString(),
    event: event.type,
    severity: severityOf(event.type),
    count: event.count,
  }
  for (const name of ["accountId", "sessionId", "addressPrefix", "client"] as const) {
    const value = event[name]
    if (value !== undefined) record[name] = oneLine(value)
  }
  return record
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "?")
}

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const days = facts.event.retentionDays
  if (days < 30) {
    return {
      state: "weakened",
      why: `Events are kept for ${days} days; break-ins are often found later.`,
      fix: "Raise event.retentionDays to 30 or more.",
    }
  }
  return {
    state: "partial",
    why: `Written with what they tell, append-only, kept for ${days} days; what concerns a person is mailed to that person.`,
    missing: "webhooks, metrics and a dashboard with plots.",
  }
}
