import type { MailPurpose } from "../../store/store.ts"

/**
 * One mail in one language. `{site}` is the configured origin's host, `{time}` how long link and code work, `{code}` the
 * code, `{about}` a provider's name, `{client}`, `{network}` and `{at}` where and when it was asked for.
 */
interface MailWords {
  readonly subject: string
  readonly lines: readonly string[]
  /** What the link does; only where there is one. */
  readonly action?: string
  readonly end: string
}

/** What stands around all mails of a language. */
export interface MailFrame {
  readonly mails: Readonly<Record<MailPurpose, MailWords>>
  /** For flows: who asked. */
  readonly asked: string
  readonly unknownClient: string
  readonly minutes: string
  readonly hours: string
  readonly days: string
}
