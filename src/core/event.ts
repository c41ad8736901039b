/** What happened, in stable words. Severity says who looks: nobody, the user, the operator at once. */
export const EVENT_TYPES = {
  "account.created": "notice",
  "account.invited": "notice",
  "account.disabled": "notice",
  "account.enabled": "notice",
  "account.deleted": "notice",
  "account.roles_changed": "notice",
  "session.started": "info",
  "session.signed_out": "info",
  "session.ended_by_user": "info",
  "session.all_ended": "notice",
  "session.replaced": "info",
  "session.reuse": "alarm",
  "session.parent_late": "warning",
  "session.rollback": "alarm",
  "password.changed": "notice",
  "password.reset": "notice",
  "password.rehashed": "info",
  "email_link.asked": "info",
  "email_link.failed": "info",
  "email_link.denied": "warning",
  "oauth.refused": "info",
  "identity.linked": "notice",
  "identity.unlinked": "notice",
  "email.change_asked": "notice",
  "email.changed": "notice",
  "account.exported": "info",
  "account.deletion_asked": "notice",
  "account.deletion_cancelled": "notice",
  "login.failed": "info",
  "login.closed": "warning",
  "mail.failed": "warning",
  "mail.limited": "info",
  "secret.added": "notice",
  "secret.removed": "warning",
  "store.restored": "warning",
  "store.went_back": "alarm",
} as const

export type Severity = (typeof EVENT_TYPES)[EventType]
export type EventType = keyof typeof EVENT_TYPES

/** `detail.by` of what a command did, beside a running service or without one. */
export const BY_COMMAND = "command line"

/** An event on its way into the store, written in the transaction of what it tells. */
export interface NewEvent {
  readonly type: EventType
  readonly accountId?: string
  readonly sessionId?: string
  /** The client's network, never the whole address: an IPv4 /24 or an IPv6 /48. */
  readonly addressPrefix?: string
  /** Browser and system in words. */
  readonly client?: string
  /** Plain facts without secrets and without free text from a request. */
  readonly detail?: Readonly<Record<string, string | number>>
}

/** An event as it is read back. */
export interface SecurityEvent extends NewEvent {
  readonly id: number
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number
  /** How many times within that minute; more than 1 only for aggregated attempts. */
  readonly count: number
}
