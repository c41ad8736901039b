import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before } from "node:test"
import { toBase64url } from "../../core/bytes.ts"
import type { Clock } from "../../core/clock.ts"
import type { NewEvent } from "../../core/event.ts"
import type {
  Account,
  MailLimits,
  MailPurpose,
  NewMail,
  NewSession,
  RefreshPresentation,
  RevocationPage,
  Store,
  StoredSession,
  TokenPurpose,
} from "../../store/store.ts"

export const MINUTE = 60_000
export const HOUR = 3_600_000
export const LIMITS: MailLimits = { perRecipientHour: 3, perRecipientDay: 10, totalHour: 1000 }
export const LIMITED = { type: "mail.limited" } as const

export const newId = (): string => toBase64url(randomBytes(16))
export const bytes = (): Buffer => randomBytes(32)
export const newAddress = (): string => `${newId()}@example.com`

export function newSession(change: Partial<NewSession> = {}): NewSession {
  return {
    id: newId(),
    hash: bytes(),
    salt: bytes(),
    idleMs: HOUR,
    absoluteMs: 5 * HOUR,
    transport: "cookie",
    persistent: true,
    methods: ["pwd"],
    client: "Firefox",
    addressPrefix: "192.0.2.0/24",
    ...change,
  }
}

export function mailTo(email: string, change: Partial<NewMail> = {}): NewMail {
  return { purpose: "register", email, accountId: null, decoy: false, language: "en", ...change }
}

/** One store, the time it is told, and what many tests begin with. All subjects of a suite share it, in their order. */
export interface Fixture {
  /** While tests run. */
  readonly store: Store
  now: number
  /** New and empty, on the same clock. The test closes it. */
  openAnother(): Promise<Store>
  /** One without a password is not verified either, unless it is said. */
  account(about?: {
    readonly email?: string
    readonly password?: string | null
    readonly verified?: boolean
  }): Promise<Account>
  /** @param owner whose password's hash is "hash"; a new account if it is left out */
  signedIn(
    session?: NewSession,
    owner?: Account,
  ): Promise<{ readonly account: Account; readonly session: NewSession; readonly stored: StoredSession }>
  presentation(session: NewSession, change?: Partial<RefreshPresentation>): RefreshPresentation
  /** A one-time token, by the mail that brings it. */
  issue(
    email: string,
    purpose: MailPurpose,
    token: TokenPurpose,
    accountId?: string | null,
  ): Promise<Uint8Array>
  feedOf(cursor?: string): Promise<RevocationPage>
  eventsOf(accountId: string): Promise<readonly string[]>
}

/** Opens the store before the tests of the suite around it and closes it after them. */
export function createFixture(open: (clock: Clock) => Promise<Store>): Fixture {
  let store: Store
  const clock = () => fixture.now
  before(async () => {
    store = await open(clock)
  })
  after(() => store.close())

  const fixture: Fixture = {
    now: 1_800_000_000_000,
    get store() {
      return store
    },
    openAnother: () => open(clock),
    async account({ email = newAddress(), password = "hash", verified = password !== null } = {}) {
      const about = { id: newId(), email, passwordHash: password, roles: [], verified, events: [] }
      const result = await store.createAccount(about)
      assert.ok(result.kind === "created")
      return result.account
    },
    async signedIn(session = newSession(), owner) {
      const account = owner ?? (await fixture.account())
      const about = { accountId: account.id, verifiedHash: "hash", session, events: [] }
      const result = await store.startSession(about)
      assert.ok(result.kind === "started")
      return { account, session, stored: result.session }
    },
    presentation(session, change = {}) {
      const told = (type: NewEvent["type"]) => [{ type, sessionId: session.id }]
      return {
        sessionId: session.id,
        generation: 1,
        hash: session.hash,
        nextHash: bytes(),
        nextSalt: bytes(),
        transport: "cookie",
        graceMs: 10_000,
        minRotateMs: 16_000,
        idleMs: HOUR,
        readyAt: 0,
        events: {
          reuse: told("session.reuse"),
          "late-parent": told("session.parent_late"),
          rollback: told("session.rollback"),
        },
        mail: ({ id, email }) => mailTo(email, { purpose: "signed-out-for-safety", accountId: id }),
        ...change,
      }
    },
    async issue(email, purpose, token, accountId = null) {
      const asked = mailTo(email, { purpose, accountId })
      await store.enqueueMail({ ...asked, limits: LIMITS, limitedEvent: LIMITED })
      const mails = await store.claimMail({ limit: 100, leaseMs: MINUTE })
      const mail = mails.find((each) => each.email === email && each.purpose === purpose)
      assert.ok(mail)
      const hash = bytes()
      const answer = await store.issueToken({ mailId: mail.id, hash, purpose: token, lifetimeMs: HOUR })
      assert.ok(answer.issued)
      await store.finishMail(mail.id)
      return hash
    },
    feedOf: (cursor) =>
      store.readRevocations({ ...(cursor === undefined ? {} : { cursor }), withinMs: HOUR }),
    eventsOf: async (accountId) =>
      (await store.listEvents({ accountId, limit: 100 })).map((event) => event.type),
  }
  return fixture
}
