import type { Clock } from "../../core/clock.ts"
import type { OutgoingMail } from "./policy.ts"

/** Older mails make room: it is a convenience of development, not a mailbox. */
const CAPACITY = 100

export interface InboxMail extends OutgoingMail {
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number
  readonly link: string | undefined
  readonly code: string | undefined
}

/** Takes the mails of development instead of a server: in memory, gone at the end. */
export interface Inbox {
  /** Newest first. */
  list(): readonly InboxMail[]
  deliver(mail: OutgoingMail): Promise<void>
  /** Called for each new mail, for example to print it. */
  onMail(listener: (mail: InboxMail) => void): void
}

export function createInbox(clock: Clock): Inbox {
  const mails: InboxMail[] = []
  const listeners: ((mail: InboxMail) => void)[] = []
  return {
    list: () => mails,
    async deliver(mail) {
      const arrived = {
        ...mail,
        at: clock(),
        code: /\b\d{6}\b/.exec(mail.subject)?.[0],
        link: /https?:\/\/\S+[#?]token=\S+/.exec(mail.text)?.[0],
      }
      mails.unshift(arrived)
      mails.length = Math.min(mails.length, CAPACITY)
      for (const listener of listeners) listener(arrived)
    },
    onMail: (listener) => void listeners.push(listener),
  }
}
