import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import {
  createRevocations,
  createSessions,
  type Refreshed,
  type RefusedRefresh,
  readSession,
  type Sessions,
} from "../../src/checklist/session/index.ts"
import { silentLogger } from "../../src/core/logger.ts"
import { Faults } from "../../src/core/misuse.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"
import type { NewMail, Store } from "../../src/store/store.ts"
import { type Shadow, shadow } from "./shadow.ts"

export const FROM = { addressPrefix: "192.0.2.0/24", client: "Firefox on Linux" }
const START = { transport: "cookie", persistent: true, methods: ["pwd"], ...FROM } as const
const MAIL: NewMail = {
  purpose: "password-changed",
  email: "ada@example.com",
  accountId: null,
  decoy: false,
  language: "en",
}
export const D = 5
export const HOUR = 3_600_000

/** The real room over real SQLite with time in our hands; what it hands out is watched by the reference and by I2, I10. */
export class Rig {
  now: number
  readonly store: Store
  readonly shadow: Shadow
  /** Every refresh token that was ever handed out, in order. */
  readonly tokens: string[] = []
  sessions: Sessions
  readonly #strings = new Map<string, string>()
  readonly #ended = new Set<string>()
  readonly #ring: { keys(label: string): { readonly list: readonly Buffer[] } }
  readonly #delay: number
  readonly #accountId: string
  #passwordHash = "hash 0"

  private constructor(store: Store, now: () => number, accountId: string, delay: number) {
    this.now = now()
    this.store = store
    this.shadow = shadow(store, () => this.now)
    this.#accountId = accountId
    this.#delay = delay
    const keys = { "refresh-mac": { list: [randomBytes(32)] }, "refresh-next": { list: [randomBytes(32)] } }
    this.#ring = { keys: (label) => keys[label as keyof typeof keys] }
    this.sessions = this.room()
  }

  static async open(delay: number = D): Promise<Rig> {
    const time = { rig: undefined as Rig | undefined, start: 1_800_000_000_000 }
    const clock = () => time.rig?.now ?? time.start
    const store = await openSqlite({ path: ":memory:", clock })
    const id = randomBytes(16).toString("base64url")
    const email = "ada@example.com"
    const made = await store.createAccount({
      id,
      email,
      passwordHash: "hash 0",
      roles: [],
      verified: true,
      events: [],
    })
    assert.equal(made.kind, "created")
    const rig = new Rig(store, clock, id, delay)
    time.rig = rig
    return rig
  }

  /** Another instance of the service over the same store. */
  room(): Sessions {
    const common = { store: this.shadow.store, logger: silentLogger }
    const clock = () => this.now
    const revocations = createRevocations({
      ...common,
      clock,
      accessLifetimeSeconds: 900,
      acceptStale: false,
    })
    const policy = readSession({ toleratedDelaySeconds: this.#delay }, new Faults())
    const tokens = { issue: () => ({ token: "access", expiresAt: this.now + 900_000 }) }
    return createSessions({ ...common, policy, ring: this.#ring, tokens, revocations })
  }

  /** A new process: its grace counts from the moment it is ready. */
  async restart(): Promise<void> {
    this.sessions = this.room()
    await this.sessions.revocations.poll()
  }

  async signIn(replaces?: string): Promise<string | undefined> {
    const beginning = this.sessions.begin(START)
    const result = await this.store.startSession({
      accountId: this.#accountId,
      verifiedHash: this.#passwordHash,
      session: beginning.row,
      ...(replaces === undefined ? {} : { replaces }),
      events: [],
    })
    if (result.kind === "refused") return undefined
    if (replaces !== undefined) this.#end(replaces)
    return this.#started(beginning, result)
  }

  async present(token: string, room: Sessions = this.sessions): Promise<Refreshed | RefusedRefresh> {
    const parts = room.readRefreshToken(token, "cookie")
    assert.ok(parts)
    const wasEnded = this.#ended.has(parts.sessionId)
    const answer = await room.present(token, "cookie", { ...FROM, language: "en" })
    if (answer.kind === "refreshed") {
      assert.equal(wasEnded, false, "I10: a refresh after the end")
      if (answer.refresh !== undefined) this.#handOut(answer.refresh)
    } else if (answer.revoked !== undefined) {
      this.#ended.add(parts.sessionId)
      assert.ok(room.revocations.isRevoked(parts.sessionId), "I11: known at once where it was revoked")
    }
    return answer
  }

  async logout(sessionId: string): Promise<void> {
    await this.store.revokeSession({ sessionId, reason: "logout", events: [] })
    this.#end(sessionId)
  }

  async changePassword(): Promise<void> {
    const beginning = this.sessions.begin(START)
    const passwordHash = `${this.#passwordHash}+`
    const result = await this.store.changePassword({
      accountId: this.#accountId,
      verifiedHash: this.#passwordHash,
      passwordHash,
      session: beginning.row,
      events: [],
      mail: { ...MAIL, accountId: this.#accountId },
    })
    if (result.kind === "refused") assert.fail("the password was just verified")
    this.#passwordHash = passwordHash
    this.#endAll()
    this.#started(beginning, result)
  }

  async disable(): Promise<void> {
    const accountId = this.#accountId
    await this.store.setDisabled({ accountId, disabled: true, events: [] })
    this.#endAll()
    assert.equal(await this.signIn(), undefined)
    await this.store.setDisabled({ accountId, disabled: false, events: [] })
  }

  sessionOf(token: string): string {
    return this.sessions.readRefreshToken(token, "cookie")?.sessionId ?? ""
  }

  #started(
    beginning: ReturnType<Sessions["begin"]>,
    result: Extract<Awaited<ReturnType<Store["startSession"]>>, { kind: "started" }>,
  ): string {
    this.shadow.signedIn(result.session, beginning.row.hash, beginning.row.salt)
    return this.#handOut(beginning.finish(result.session, result.account).refresh)
  }

  /** I2: of one generation there is one string. */
  #handOut(token: string): string {
    const parts = this.sessions.readRefreshToken(token, "cookie")
    const key = `${parts?.sessionId} ${parts?.generation}`
    const known = this.#strings.get(key)
    assert.ok(known === undefined || known === token, "I2: two tokens of one generation")
    this.#strings.set(key, token)
    if (known === undefined) this.tokens.push(token)
    return token
  }

  #end(sessionId: string): void {
    this.#ended.add(sessionId)
    this.shadow.revoke(sessionId)
  }

  #endAll(): void {
    for (const sessionId of this.shadow.rows.keys()) this.#end(sessionId)
  }
}
