import * as z from "zod"
import { isLoopback } from "../../core/loopback.ts"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import type { MailLimits } from "../../store/store.ts"
import { normaliseMailAddress } from "./address.ts"

/** A mail on its way out. */
export interface OutgoingMail {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}

export type SendMail = (mail: OutgoingMail) => Promise<void>

export interface MailOptions {
  /** `smtps://user:password@host` or `smtp://host:587` (then STARTTLS is required, except on loopback). Default: the development inbox, on a loopback origin. */
  readonly smtpUrl?: string
  /** Sender, for example `accounts@example.com`. Required with `smtpUrl`. */
  readonly from?: string
  /** Sends by other means than SMTP. */
  readonly sendMail?: SendMail
  /** Mails to one address: default 3 an hour and 10 a day; to all: 1,000 an hour. */
  readonly limits?: Partial<MailLimits>
}

export interface MailPolicy {
  readonly transport: "inbox" | "smtp" | "function"
  readonly smtpUrl: string | undefined
  readonly from: string | undefined
  readonly sendMail: SendMail | undefined
  readonly limits: MailLimits
}

const count = (most: number) => z.int().min(1).max(most).optional()
const SCHEMA = z.strictObject({
  smtpUrl: z.string().optional(),
  from: z.string().optional(),
  sendMail: z.custom<SendMail>((value) => typeof value === "function", "it is not a function").optional(),
  limits: z
    .strictObject({ perRecipientHour: count(100), perRecipientDay: count(1000), totalHour: count(1_000_000) })
    .optional(),
})

const LIMITS: MailLimits = { perRecipientHour: 3, perRecipientDay: 10, totalHour: 1000 }

export function readMail(input: unknown, faults: Faults, from: { readonly loopback: boolean }): MailPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "mail", faults) ?? {}
  if (options.smtpUrl !== undefined) checkSmtpUrl(options.smtpUrl, faults)
  if (options.smtpUrl !== undefined && options.sendMail !== undefined) {
    faults.add("mail.two_transports", "mail", "smtpUrl and sendMail are both set", "Keep one of them.")
  }
  const { from: sender } = options
  if (sender === undefined ? options.smtpUrl !== undefined : normaliseMailAddress(sender) === undefined) {
    faults.add(
      "mail.from",
      "mail.from",
      sender === undefined ? "it is missing" : "it is not one plain address",
      "Set it to the sender, for example accounts@example.com.",
    )
  }
  const transport =
    options.smtpUrl !== undefined ? "smtp" : options.sendMail !== undefined ? "function" : "inbox"
  if (transport === "inbox" && !from.loopback) {
    faults.add(
      "mail.missing",
      "mail",
      "nobody could register or reset a password: mails have no way out",
      "Set mail.smtpUrl (NIGHTLATCH_SMTP_URL) and mail.from (NIGHTLATCH_MAIL_FROM), or mail.sendMail.",
    )
  }
  const given = Object.entries(options.limits ?? {}).filter(([, value]) => value !== undefined)
  return Object.freeze({
    transport,
    smtpUrl: options.smtpUrl,
    from: options.from,
    sendMail: options.sendMail,
    limits: { ...LIMITS, ...Object.fromEntries(given) },
  })
}

function checkSmtpUrl(text: string, faults: Faults): void {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== "smtp:" && url.protocol !== "smtps:") || url.hostname === "") {
    faults.add(
      "mail.smtp_url",
      "mail.smtpUrl",
      "it is not an smtp:// or smtps:// address",
      "Write it like smtps://user:password@smtp.example.com.",
    )
    return
  }
  if (url.search !== "" || url.hash !== "" || (url.pathname !== "" && url.pathname !== "/")) {
    faults.add(
      "mail.smtp_url",
      "mail.smtpUrl",
      "it has a path or options after the host",
      "Leave them out: encryption and time limits are fixed.",
    )
  }
  if (url.protocol === "smtp:" && url.password !== "" && url.port === "25" && !isLoopback(url.hostname)) {
    faults.add(
      "mail.smtp_url",
      "mail.smtpUrl",
      "port 25 is for servers among each other, not for signing in",
      "Use smtps:// or port 587.",
    )
  }
}
