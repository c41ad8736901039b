/**
 * A process of its own for the tests of crashes: people who register, sign in, refresh, link, reset and sign out, each step
 * written down before it is asked and after it is answered. Whoever gets no answer asks again, as a client would.
 */
import { randomBytes } from "node:crypto"
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline/promises"
import { toBase64url } from "../../src/core/bytes.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { ClaimedMail, NewMail, NewSession } from "../../src/store/store.ts"

const [, , url = "", people = "1", endlessly = ""] = process.argv
const HOUR = 3_600_000
const LIMITS = { perRecipientHour: 1e6, perRecipientDay: 1e6, totalHour: 1e6 }
const ATTEMPTS = 60
const PAUSE_MS = 250

const newId = (): string => toBase64url(randomBytes(16))
const pause = (ms: number) => new Promise((resume) => setTimeout(resume, ms))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const store = await openPostgres({ url })

let journal = ""
let steps = 0
function write(line: object): void {
  appendFileSync(journal, `${JSON.stringify(line)}\n`)
}

class Person {
  readonly #email = `${newId()}@example.com`.toLowerCase()
  #accountId = ""

  async live(): Promise<void> {
    await this.#register()
    const second = await this.#signIn("first")
    await this.#refresh(second, 3)
    await this.#signIn("first", second)
    const byMail = await this.#signInByMail()
    if (byMail !== undefined) await this.#signOut(byMail)
    await this.#signInByIdentity()
    await this.#reset()
    await this.#refresh(await this.#signIn("second"), 2)
  }

  /** Until there is an answer. */
  async #ask<Result>(
    verb: string,
    begin: () => readonly [about: object, () => Promise<Result>],
    tell: (result: Result) => object,
  ): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const [about, run] = begin()
      const step = ++steps
      write({ step, verb, email: this.#email, ...about })
      try {
        const result = await run()
        write({ step, told: tell(result) })
        return result
      } catch (error) {
        if ((error as Error).name !== "UnavailableError" || attempt === ATTEMPTS) throw error
        write({ step, lost: true })
      }
      await pause(PAUSE_MS)
    }
  }

  async #mail(about: Pick<NewMail, "purpose" | "accountId" | "flowId">): Promise<ClaimedMail> {
    for (;;) {
      const mails = await this.#ask(
        "claim",
        () => [{}, () => store.claimMail({ limit: 1_000, leaseMs: 1 })],
        () => ({}),
      )
      const mine = mails.find(
        (mail) =>
          mail.email === this.#email && mail.purpose === about.purpose && mail.flowId === about.flowId,
      )
      if (mine !== undefined) return mine
      await pause(5)
    }
  }

  async #token(purpose: "register" | "reset", accountId: string | null): Promise<Uint8Array> {
    const about = { purpose, email: this.#email, accountId, decoy: false, language: "en" } as const
    const limitedEvent = { type: "mail.limited" } as const
    const enqueue = () => store.enqueueMail({ ...about, limits: LIMITS, limitedEvent })
    await this.#ask(
      "enqueue",
      () => [{}, enqueue],
      () => ({}),
    )
    const mail = await this.#mail({ purpose, accountId })
    let hash = randomBytes(32)
    await this.#ask(
      "issue",
      () => {
        hash = randomBytes(32)
        const input = { mailId: mail.id, hash, purpose, lifetimeMs: HOUR }
        return [{ purpose, hash: hex(hash) }, () => store.issueToken(input)]
      },
      (result) => result,
    )
    await this.#ask(
      "finish",
      () => [{}, () => store.finishMail(mail.id)],
      () => ({}),
    )
    return hash
  }

  async #register(): Promise<void> {
    const hash = await this.#token("register", null)
    const result = await this.#ask(
      "register",
      () => {
        const [session, newAccountId] = [newSession(), newId()]
        const about = { ...describe(session), token: hex(hash), accountId: newAccountId }
        const events = (accountId: string) => [
          { type: "account.created", accountId } as const,
          { type: "session.started", accountId, sessionId: session.id } as const,
        ]
        const token = { hash, purpose: "register" } as const
        const input = { token, newAccountId, passwordHash: "first", session, events }
        return [about, () => store.completeRegistration(input)]
      },
      ({ kind }) => ({ kind }),
    )
    // Refused only when an attempt whose answer was lost has made the account.
    const account =
      result.kind === "started"
        ? result.account
        : await this.#ask(
            "find",
            () => [{}, () => store.findAccountByEmail(this.#email)],
            () => ({}),
          )
    this.#accountId = account?.id ?? ""
  }

  async #signIn(verifiedHash: string, replaces?: NewSession): Promise<NewSession> {
    let session = newSession()
    await this.#ask(
      "sign-in",
      () => {
        session = newSession()
        const accountId = this.#accountId
        const events = [{ type: "session.started", accountId, sessionId: session.id }] as const
        const old = replaces === undefined ? {} : { replaces: replaces.id }
        const input = { accountId, verifiedHash, session, events, ...old }
        return [{ ...describe(session), ...old }, () => store.startSession(input)]
      },
      ({ kind }) => ({ kind }),
    )
    return session
  }

  async #refresh(session: NewSession, times: number): Promise<void> {
    let hash = session.hash
    for (let generation = 1; generation <= times; generation++) {
      const result = await this.#ask(
        "refresh",
        () => {
          const presented = presentation(session.id, generation, hash)
          const about = {
            sessionId: session.id,
            generation,
            hash: hex(hash),
            nextHash: hex(presented.nextHash),
          }
          return [about, () => store.presentRefresh(presented)]
        },
        (told) => ({
          verdict: told.verdict,
          ...("currentHash" in told ? { currentHash: hex(told.currentHash) } : {}),
        }),
      )
      if (!("currentHash" in result)) throw new Error(`a refresh was answered ${result.verdict}`)
      hash = result.currentHash
    }
  }

  /** @returns undefined when an attempt whose answer was lost has used the link up: that session is nobody's */
  async #signInByMail(): Promise<NewSession | undefined> {
    const flow = {
      id: newId(),
      purpose: "sign-in",
      email: this.#email,
      accountId: this.#accountId,
      secretHash: randomBytes(32),
      client: "",
      addressPrefix: "",
      persistent: true,
      lifetimeMs: HOUR,
    } as const
    let flowId = flow.id
    await this.#ask(
      "flow",
      () => {
        flowId = newId()
        const mail = {
          purpose: "email-link",
          email: this.#email,
          accountId: this.#accountId,
          decoy: false,
          language: "en",
          budget: "link",
          flowId,
        } as const
        const limitedEvent = { type: "mail.limited" } as const
        const input = {
          flows: [{ ...flow, id: flowId }],
          mails: [mail],
          limits: LIMITS,
          limitedEvent,
          events: [],
        }
        return [{ flowId }, () => store.startMailFlow(input)]
      },
      () => ({}),
    )
    const mail = await this.#mail({ purpose: "email-link", accountId: this.#accountId, flowId })
    let tokenHash = randomBytes(32)
    await this.#ask(
      "issue-flow",
      () => {
        tokenHash = randomBytes(32)
        return [{}, () => store.issueFlow({ mailId: mail.id, tokenHash, codeMac: randomBytes(32) })]
      },
      (result) => result,
    )
    let session = newSession()
    const result = await this.#ask(
      "mail-link",
      () => {
        session = newSession()
        const input = {
          flow: { flowId, secretHash: flow.secretHash },
          proof: { tokenHash },
          newAccountId: newId(),
          session,
          events: (accountId: string) => [
            { type: "session.started", accountId, sessionId: session.id } as const,
          ],
          failedEvent: { type: "email_link.failed" } as const,
        }
        return [{ ...describe(session), flowId }, () => store.completeEmailLink(input)]
      },
      ({ kind }) => ({ kind }),
    )
    return result.kind === "started" ? session : undefined
  }

  async #signOut(session: NewSession): Promise<void> {
    const events = [{ type: "session.signed_out", sessionId: session.id }] as const
    await this.#ask(
      "sign-out",
      () => [
        { sessionId: session.id },
        () => store.revokeSession({ sessionId: session.id, reason: "logout", events }),
      ],
      (result) => result,
    )
  }

  async #signInByIdentity(): Promise<void> {
    const accountId = this.#accountId
    const issuer = "https://id.example.com"
    const identity = {
      id: newId(),
      issuer,
      subject: newId(),
      provider: "example",
      email: null,
      tokens: null,
    }
    const mail = {
      purpose: "identity-linked",
      email: this.#email,
      accountId,
      decoy: false,
      language: "en",
    } as const
    const events = [{ type: "identity.linked", accountId }] as const
    await this.#ask(
      "link",
      () => [{ subject: identity.subject }, () => store.linkIdentity({ accountId, identity, events, mail })],
      ({ kind }) => ({ kind }),
    )
    await this.#ask(
      "identity",
      () => {
        const session = newSession()
        const input = {
          issuer,
          subject: identity.subject,
          tokens: null,
          session,
          events: (id: string) => [
            { type: "session.started", accountId: id, sessionId: session.id } as const,
          ],
        }
        return [describe(session), () => store.signInByIdentity(input)]
      },
      ({ kind }) => ({ kind }),
    )
  }

  async #reset(): Promise<void> {
    const hash = await this.#token("reset", this.#accountId)
    await this.#ask(
      "reset",
      () => {
        const input = {
          token: { hash, purpose: "reset" },
          passwordHash: "second",
          events: (accountId: string) => [{ type: "password.reset", accountId } as const],
          mail: ({ id, email }: { id: string; email: string }) =>
            ({ purpose: "password-reset", email, accountId: id, decoy: false, language: "en" }) as const,
        } as const
        return [{ token: hex(hash) }, () => store.resetPassword(input)]
      },
      ({ kind }) => ({ kind }),
    )
  }
}

function newSession(): NewSession {
  return {
    id: newId(),
    hash: randomBytes(32),
    salt: randomBytes(32),
    idleMs: 24 * HOUR,
    absoluteMs: 24 * HOUR,
    transport: "cookie",
    persistent: true,
    methods: [],
    client: "",
    addressPrefix: "",
  }
}

const describe = ({ id, hash }: NewSession) => ({ sessionId: id, hash: hex(hash) })

function presentation(sessionId: string, generation: number, hash: Uint8Array) {
  return {
    sessionId,
    generation,
    hash,
    nextHash: randomBytes(32),
    nextSalt: randomBytes(32),
    transport: "cookie",
    graceMs: HOUR,
    minRotateMs: 0,
    idleMs: 24 * HOUR,
    readyAt: 0,
    events: { reuse: [], "late-parent": [], rollback: [] },
    mail: ({ id, email }: { id: string; email: string }) =>
      ({ purpose: "signed-out-for-safety", email, accountId: id, decoy: false, language: "en" }) as const,
  } as const
}

async function live(): Promise<void> {
  do await new Person().live()
  while (endlessly !== "")
}

process.stdout.write("ready\n")
// Each line is a journal to write a life into, and is answered when that is over.
for await (const line of createInterface({ input: process.stdin })) {
  journal = line
  await Promise.all(Array.from({ length: Number(people) }, live))
  process.stdout.write("over\n")
}
await store.close()
