/**
 * Attack: a token that waits in the database, a mail server that decides what an answer says or how long it takes, a link
 * that leads where a request's headers pointed. Promise: the outbox holds no token; the sender makes it when it sends, stores
 * its hash and forgets it; sending happens after the answer and never changes one; links are built from the configured origin.
 * Source: ASVS 6.5.1, 6.6.2; CVE-2026-62376; GHSA-3529-5m8x-rpv3.
 */
import { randomBytes } from "node:crypto"
import type { EmailLinks } from "../../checklist/email-link/index.ts"
import { sha256, toBase64url } from "../../core/bytes.ts"
import type { Logger } from "../../core/logger.ts"
import type { ClaimedMail, MailPurpose, Store, TokenPurpose } from "../../store/store.ts"
import type { MailPolicy, SendMail } from "./policy.ts"
import { smtpTransport } from "./smtp.ts"
import { type MailSecrets, renderMail } from "./template.ts"

const MINUTE_MS = 60_000
/** Attempts under way at once. Each that ends makes room for the next mail, however long the others take. */
const MOST_AT_ONCE = 10
const ATTEMPT_MS = 30_000
/** Longer than an attempt, so that no other sender takes the mail meanwhile. */
const LEASE_MS = 60_000
/** What attempts under way get at the end; the next start tries again what they did not finish. */
const STOP_MS = 5_000
const LOOK_EVERY_MS = 5_000
/** Waits after each failed attempt; after the last the mail is given up. */
const RETRY_MS = [10_000, MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS]

interface Link {
  readonly purpose: TokenPurpose
  readonly page: string
  readonly lifetimeMs: number
}

/** Register: an hour. Reset: 10 minutes (ASVS 6.5.5). An invitation waits for a week. */
const LINKS: Partial<Record<MailPurpose, Link>> = {
  register: { purpose: "register", page: "register", lifetimeMs: 60 * MINUTE_MS },
  invite: { purpose: "register", page: "register", lifetimeMs: 7 * 24 * 60 * MINUTE_MS },
  reset: { purpose: "reset", page: "reset", lifetimeMs: 10 * MINUTE_MS },
}
/** Mails of a flow carry a code; this one a link as well. */
const FLOW_LINK: MailPurpose = "email-link"
const FLOW_PURPOSES: ReadonlySet<MailPurpose> = new Set([FLOW_LINK, "email-change-old", "email-change-new"])

export interface Mailer {
  /** Something was put into the outbox: look soon, but after the answer. */
  wake(): void
  start(): void
  /** Attempts that failed since the last mail got out. */
  readonly failedInARow: number
  /** Waits for the mails under way, at most 5 s. */
  stop(): Promise<void>
}

/** The way out that the options name; the inbox is one of its own. */
export function outboxTransport(policy: MailPolicy): SendMail {
  if (policy.sendMail !== undefined) return policy.sendMail
  return smtpTransport(policy.smtpUrl ?? "", policy.from ?? "")
}

export function createMailer(input: {
  readonly store: Pick<Store, "claimMail" | "issueToken" | "issueFlow" | "finishMail" | "retryMail">
  readonly emailLinks: Pick<EmailLinks, "newCode">
  readonly flowLifetimeMs: number
  readonly send: SendMail
  readonly origin: URL
  readonly basePath: string
  readonly logger: Logger
}): Mailer {
  const { store, send, origin, logger } = input
  const base = `${origin.origin}${input.basePath}`
  const underWay = new Set<Promise<void>>()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let again = false
  /** The last look found as many as there was room for. */
  let more = false
  let stopped = false
  let failedInARow = 0

  async function deliver(mail: ClaimedMail): Promise<void> {
    const secrets = FLOW_PURPOSES.has(mail.purpose) ? await makeFlowSecrets(mail) : await makeLink(mail)
    if (secrets !== undefined) await send(renderMail(mail, origin.host, secrets))
  }

  async function makeLink(mail: ClaimedMail): Promise<MailSecrets | undefined> {
    const link = LINKS[mail.purpose]
    if (link === undefined) return { lifetimeMs: 0 }
    const { purpose, lifetimeMs } = link
    const token = toBase64url(randomBytes(32))
    const { issued } = await store.issueToken({ mailId: mail.id, hash: sha256(token), purpose, lifetimeMs })
    // In the fragment: it never reaches a server's log, a proxy or a Referer.
    return issued ? { link: `${base}/${link.page}#token=${token}`, lifetimeMs } : undefined
  }

  /** Nothing is sent for a flow that has ended meanwhile. */
  async function makeFlowSecrets(mail: ClaimedMail): Promise<MailSecrets | undefined> {
    if (mail.flow === undefined) return undefined
    const token = toBase64url(randomBytes(32))
    const { code, mac } = input.emailLinks.newCode(mail.flow.id)
    const { issued } = await store.issueFlow({ mailId: mail.id, tokenHash: sha256(token), codeMac: mac })
    if (!issued) return undefined
    // Not in the fragment: the page works without scripts, and away from the asking browser this link is worth nothing.
    const link = mail.purpose === FLOW_LINK ? { link: `${base}/email-link?token=${token}` } : {}
    return { code, ...link, lifetimeMs: input.flowLifetimeMs }
  }

  async function attempt(mail: ClaimedMail): Promise<void> {
    try {
      await endsIn(deliver(mail), (late) => setTimeout(late, ATTEMPT_MS).unref())
      failedInARow = 0
    } catch (error) {
      failedInARow++
      const delayMs = RETRY_MS[mail.attempts - 1]
      logger.warn(
        {
          mailId: mail.id,
          purpose: mail.purpose,
          attempt: mail.attempts,
          reason: reasonOf(error),
          ...(delayMs === undefined ? {} : { againInSeconds: delayMs / 1000 }),
        },
        delayMs === undefined ? "mail failed and is given up" : "mail failed",
      )
      const detail = { purpose: mail.purpose, attempts: mail.attempts }
      const giveUp = {
        type: "mail.failed",
        ...(mail.accountId === null ? {} : { accountId: mail.accountId }),
        detail,
      } as const
      await store.retryMail(
        delayMs === undefined ? { mailId: mail.id, giveUp } : { mailId: mail.id, delayMs },
      )
      return
    }
    await store.finishMail(mail.id)
  }

  function begin(mail: ClaimedMail): void {
    const ended = attempt(mail)
      .catch((error: unknown) =>
        logger.warn({ reason: reasonOf(error) }, "how a mail went was not written down"),
      )
      .finally(() => {
        underWay.delete(ended)
        if (more) look()
      })
    underWay.add(ended)
  }

  async function claim(): Promise<void> {
    do {
      again = false
      const limit = MOST_AT_ONCE - underWay.size
      const mails = limit === 0 ? [] : await store.claimMail({ limit, leaseMs: LEASE_MS })
      more = mails.length === limit
      for (const mail of mails) begin(mail)
    } while (again && !stopped)
  }

  function look(): void {
    if (stopped) return
    again = true
    looking ??= claim()
      .catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, "the outbox could not be read"))
      .finally(() => {
        looking = undefined
        if (again) look()
      })
  }

  async function finish(): Promise<void> {
    await looking
    await Promise.all(underWay)
  }

  return {
    get failedInARow() {
      return failedInARow
    },
    wake() {
      if (!stopped) setImmediate(look)
    },
    start() {
      timer = setInterval(look, LOOK_EVERY_MS)
      timer.unref()
    },
    async stop() {
      stopped = true
      clearInterval(timer)
      await endsIn(finish(), (late) => setTimeout(late, STOP_MS)).catch(() =>
        logger.warn({}, "mails under way were left for the next start"),
      )
    },
  }
}

/** The work's end, or a failure when that is late; what it does afterwards is not looked at. */
function endsIn(work: Promise<void>, start: (late: () => void) => NodeJS.Timeout): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = start(() => reject(new Error("it took too long")))
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** The message alone: thrown things may carry the mail. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200).replace(/[\r\n]/g, " ") : "unknown"
}
