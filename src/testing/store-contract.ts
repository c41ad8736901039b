import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, describe, it } from "node:test"
import { toBase64url } from "../core/bytes.ts"
import type { Clock } from "../core/clock.ts"
import type { NewEvent } from "../core/event.ts"
import type {
  MailPurpose,
  NewMail,
  NewSession,
  RefreshPresentation,
  RevocationPage,
  Store,
  TokenPurpose,
} from "../store/store.ts"
import { signInContract } from "./sign-in-contract.ts"

const HOUR = 3_600_000
const LIMITS = { perRecipientHour: 3, perRecipientDay: 10, totalHour: 1000 }

const newId = (): string => toBase64url(randomBytes(16))
const bytes = (): Buffer => randomBytes(32)

function newSession(change: Partial<NewSession> = {}): NewSession {
  const about = {
    transport: "cookie",
    persistent: true,
    methods: ["pwd"],
    client: "Firefox",
    addressPrefix: "192.0.2.0/24",
  } as const
  return {
    id: newId(),
    hash: bytes(),
    salt: bytes(),
    idleMs: HOUR,
    absoluteMs: 5 * HOUR,
    ...about,
    ...change,
  }
}

function mailTo(email: string, change: Partial<NewMail> = {}): NewMail {
  return { purpose: "register", email, accountId: null, decoy: false, language: "en", ...change }
}

/**
 * What every engine has to keep, as tests: each verb, each verdict, what is atomic and what is remembered. The verdicts of
 * the refresh are compared cell by cell with a reference elsewhere; here they are told by example.
 * @param open a new, empty store on this clock
 */
export function storeContract(name: string, open: (clock: Clock) => Promise<Store>): void {
  signInContract(name, open)
  describe(`store contract: ${name}`, () => {
    let now = 1_800_000_000_000
    let store: Store

    before(async () => {
      store = await open(() => now)
    })
    after(() => store.close())

    async function account(email: string = `${newId()}@example.com`, passwordHash: string | null = "hash") {
      const result = await store.createAccount({
        id: newId(),
        email,
        passwordHash,
        roles: [],
        verified: passwordHash !== null,
        events: [],
      })
      assert.ok(result.kind === "created")
      return result.account
    }

    async function signedIn(session = newSession(), owner?: Awaited<ReturnType<typeof account>>) {
      const whose = owner ?? (await account())
      const result = await store.startSession({
        accountId: whose.id,
        verifiedHash: "hash",
        session,
        events: [],
      })
      assert.ok(result.kind === "started")
      return { account: whose, session, stored: result.session }
    }

    const feedOf = (cursor?: string) =>
      store.readRevocations({ ...(cursor === undefined ? {} : { cursor }), withinMs: HOUR })

    const eventsOf = async (accountId: string): Promise<string[]> =>
      (await store.listEvents({ accountId, limit: 100 })).map((event) => event.type)

    function presentation(
      session: NewSession,
      change: Partial<RefreshPresentation> = {},
    ): RefreshPresentation {
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
    }

    async function issue(
      email: string,
      purpose: MailPurpose,
      token: TokenPurpose,
      accountId: string | null = null,
    ): Promise<Buffer> {
      const limitedEvent = { type: "mail.limited" } as const
      await store.enqueueMail({ ...mailTo(email, { purpose, accountId }), limits: LIMITS, limitedEvent })
      const mails = await store.claimMail({ limit: 100, leaseMs: 60_000 })
      const mail = mails.find((each) => each.email === email && each.purpose === purpose)
      assert.ok(mail)
      const hash = bytes()
      assert.ok((await store.issueToken({ mailId: mail.id, hash, purpose: token, lifetimeMs: HOUR })).issued)
      await store.finishMail(mail.id)
      return hash
    }

    describe("a copy from earlier", () => {
      it("has a lower counter of the same lineage", async () => {
        const first = await store.readMark()
        const raised = await store.raiseMark()
        assert.deepEqual(raised, { lineage: first.lineage, counter: first.counter + 1 })
        assert.deepEqual(await store.readMark(), raised)
        const other = await open(() => now)
        assert.notEqual((await other.readMark()).lineage, first.lineage)
        await other.close()
      })

      it("starts anew: no session, token, flow or mail of it is left, and no access token is accepted", async () => {
        const { account: whose, session, stored } = await signedIn()
        const hash = await issue(whose.email, "reset", "reset", whose.id)
        const limitedEvent = { type: "mail.limited" } as const
        const notice = mailTo(whose.email, { purpose: "reset", accountId: whose.id })
        await store.enqueueMail({ ...notice, limits: LIMITS, limitedEvent })
        const before = await store.readMark()
        assert.equal((await store.readRevocations({ withinMs: HOUR })).notBefore, 0)

        const { mark, sessions } = await store.startAnew({
          above: before.counter + 41,
          events: [{ type: "store.restored" }],
        })
        assert.ok(sessions >= 1)
        assert.deepEqual(mark, { lineage: before.lineage, counter: before.counter + 42 })
        assert.equal(await store.findSession(stored.id), undefined)
        assert.equal((await store.presentRefresh(presentation(session))).verdict, "unknown")
        assert.equal(await store.findToken({ hash, purpose: "reset" }), undefined)
        assert.deepEqual(await store.claimMail({ limit: 100, leaseMs: 60_000 }), [])
        const { notBefore, now: readAt } = await store.readRevocations({ withinMs: HOUR })
        assert.ok(notBefore > 0 && notBefore <= readAt && readAt - notBefore < 60_000)
        assert.equal((await store.listEvents({ limit: 1 }))[0]?.type, "store.restored")
        assert.deepEqual(await store.findAccount(whose.id), await store.findAccountByEmail(whose.email))
        // It is never lower than it was.
        const again = await store.startAnew({ above: 0, events: [] })
        assert.equal(again.mark.counter, mark.counter + 1)
      })
    })

    describe("root secrets", () => {
      const MINUTE = 60_000
      const told = { added: [{ type: "secret.added" }], removed: [{ type: "secret.removed" }] } as const
      const note = (instance: string, ...secrets: string[]) =>
        store.noteSecrets({ instance, address: `host, ${instance}`, secrets, ...told })
      const known = async () => (await store.listSecrets()).secrets.map(({ id }) => id).sort()
      const last = async () => (await store.listEvents({ limit: 1 }))[0]

      it("are known with their holders, since when, and until when each signed", async () => {
        const before = await last()
        await note("one", "old")
        assert.deepEqual(await last(), before, "what a database begins with is no change")
        const began = now
        now += MINUTE
        await note("one", "old", "young")
        assert.equal((await last())?.type, "secret.added")
        await note("two", "old")
        now += MINUTE
        await note("one", "young", "old")
        const { holders, secrets, now: at } = await store.listSecrets()
        assert.ok(at >= now)
        assert.deepEqual(secrets, [
          { id: "old", knownAt: began, signedAt: began + 2 * MINUTE },
          { id: "young", knownAt: began + MINUTE, signedAt: began + 2 * MINUTE },
        ])
        assert.deepEqual(holders, [
          { instance: "one", address: "host, one", secret: "young", place: 0, since: began + MINUTE },
          { instance: "one", address: "host, one", secret: "old", place: 1, since: began },
          { instance: "two", address: "host, two", secret: "old", place: 0, since: began + MINUTE },
        ])
      })

      it("that the last living process has dropped are told once", async () => {
        now += MINUTE
        assert.deepEqual((await note("one", "young")).removed, [], "two has the old one")
        const began = now
        // It was killed: nobody hears of it any more.
        now += 3 * MINUTE
        const { removed } = await note("one", "young")
        assert.deepEqual(
          removed.map(({ id, signedAt }) => [id, signedAt]),
          [["old", began - MINUTE]],
        )
        assert.equal((await last())?.type, "secret.removed")
        assert.deepEqual((await note("one", "young")).removed, [])
        assert.deepEqual(await known(), ["young"])
        await note("one", "young", "old")
        assert.deepEqual(await known(), ["old", "young"], "it came back")
        assert.equal(
          (await store.listSecrets()).secrets.find(({ id }) => id === "old")?.signedAt,
          began - MINUTE,
        )
      })

      it("of a process that says farewell are nobody's, and not removed while nobody else runs", async () => {
        await store.leaveSecrets("one")
        const { holders, secrets } = await store.listSecrets()
        assert.deepEqual([holders, secrets.length], [[], 2])
        assert.deepEqual((await note("three", "young", "old")).removed, [])
        await store.leaveSecrets("three")
        assert.deepEqual((await note("four", "new")).removed.map(({ id }) => id).sort(), ["old", "young"])
        await store.leaveSecrets("four")
      })

      it("are forgotten when no session can be of them", async () => {
        now += 401 * 24 * HOUR
        await note("five", "new")
        assert.deepEqual(await known(), ["new"])
        await note("five", "old", "new")
        const again = (await store.listSecrets()).secrets.find(({ id }) => id === "old")
        assert.ok((again?.knownAt ?? 0) > now - HOUR, "it is met for the first time")
        await store.leaveSecrets("five")
      })

      it("may be told by many processes at once", async () => {
        const additions = async () =>
          (await store.listEvents({ limit: 200 })).filter(({ type }) => type === "secret.added").length
        const before = await additions()
        const all = Array.from({ length: 12 }, (_, index) => note(`crowd ${index}`, "new", "newer"))
        await Promise.all(all)
        assert.equal((await store.listSecrets()).holders.length, 24)
        for (let index = 0; index < 12; index++) await store.leaveSecrets(`crowd ${index}`)
        assert.equal(await additions(), before + 1)
      })
    })

    describe("accounts", () => {
      it("of another system come in batches: what is there already stays as it is", async () => {
        const known = await account()
        const [first, second] = [newId(), newId()]
        const foreign = await store.countForeignHashes()
        const imported = (id: string, email: string) => ({
          id,
          email,
          passwordHash: "$2b$10$something",
          roles: ["editor"],
          verified: true,
          disabled: false,
          createdAt: now - HOUR,
          events: [{ type: "account.created", accountId: id }] as const,
        })
        const later = { disabled: true, verified: false, passwordHash: null, createdAt: now + HOUR }
        const answers = await store.importAccounts([
          imported(first, `${first}@example.com`),
          imported(newId(), known.email),
          imported(newId(), `${first}@example.com`),
          { ...imported(second, `${second}@example.com`), ...later },
        ])
        assert.deepEqual(answers, ["created", "taken", "taken", "created"])
        assert.deepEqual(await store.findAccount(known.id), known)
        assert.deepEqual(await store.findAccount(first), {
          ...known,
          id: first,
          email: `${first}@example.com`,
          passwordHash: "$2b$10$something",
          roles: ["editor"],
          createdAt: now - HOUR,
        })
        const other = await store.findAccount(second)
        assert.deepEqual(
          [other?.passwordHash, other?.verifiedAt, other?.disabledAt, other?.createdAt],
          [null, null, now, now],
        )
        assert.deepEqual(await eventsOf(first), ["account.created"])
        assert.deepEqual(await eventsOf(known.id), [])
        assert.equal(await store.countForeignHashes(), foreign + 1)
        assert.deepEqual(await store.importAccounts([]), [])
      })

      it("with a hash of another system are counted until it is renewed", async () => {
        const foreign = await store.countForeignHashes()
        const mine = await account(undefined, "$2b$10$else")
        await account(undefined, null)
        const argon2 = "$argon2id$v=19$m=19456,t=2,p=1$salt$hash"
        await account(undefined, argon2)
        assert.equal(await store.countForeignHashes(), foreign + 1)
        const sign = { accountId: mine.id, session: newSession(), events: [] }
        await store.startSession({ ...sign, verifiedHash: "$2b$10$else", rehashed: argon2 })
        assert.equal(await store.countForeignHashes(), foreign)
      })

      it("are found by id and by address, and an address is taken once", async () => {
        const made = await account()
        assert.deepEqual(await store.findAccount(made.id), made)
        assert.deepEqual(await store.findAccountByEmail(made.email), made)
        const again = {
          id: newId(),
          email: made.email,
          passwordHash: "x",
          roles: [],
          verified: true,
          events: [{ type: "account.created", accountId: made.id } as const],
        }
        assert.equal((await store.createAccount(again)).kind, "taken")
        assert.deepEqual(await eventsOf(made.id), [])
        for (const id of ["", "x", "!".repeat(22), newId()])
          assert.equal(await store.findAccount(id), undefined)
      })
      it("are listed in pages", async () => {
        const all = [await account(), await account(), await account()].map(({ id }) => id)
        const seen: string[] = []
        for (let after: string | undefined; ; ) {
          const page = await store.listAccounts({ limit: 2, ...(after === undefined ? {} : { after }) })
          seen.push(...page.map(({ id }) => id))
          after = page.at(-1)?.id
          if (page.length < 2) break
        }
        assert.equal(new Set(seen).size, seen.length)
        for (const id of all) assert.ok(seen.includes(id))
      })
      it("raise their epoch with their roles, which the feed tells", async () => {
        const made = await account()
        const { cursor } = await store.readRevocations({ withinMs: HOUR })
        const changed = await store.setRoles({
          accountId: made.id,
          roles: ["admin"],
          events: [{ type: "account.roles_changed", accountId: made.id }],
        })
        assert.ok(changed.kind === "changed" && changed.account.epoch > made.epoch)
        assert.deepEqual(changed.account.roles, ["admin"])
        const fed = await feedOf(cursor)
        const epoch = fed.epochs.find(({ accountId }) => accountId === made.id)?.epoch
        assert.equal(epoch, changed.account.epoch)
        assert.equal(
          (
            await store.setRoles({
              accountId: newId(),
              roles: [],
              events: [{ type: "account.roles_changed" }],
            })
          ).kind,
          "unknown",
        )
      })
      for (const verb of ["setDisabled", "deleteAccount"] as const) {
        it(`end with everything they have: ${verb}`, async () => {
          const { account: owner, session } = await signedIn()
          const token = await issue(owner.email, "reset", "reset", owner.id)
          const type = verb === "setDisabled" ? "account.disabled" : "account.deleted"
          const events = [{ type, accountId: owner.id }] as const
          const result =
            verb === "setDisabled"
              ? await store.setDisabled({ accountId: owner.id, disabled: true, events })
              : await store.deleteAccount({ accountId: owner.id, events })
          assert.ok(result.kind === "changed")
          assert.deepEqual(result.revoked, [session.id])
          assert.equal((await store.presentRefresh(presentation(session))).verdict, "ended")
          assert.equal(await store.findToken({ hash: token, purpose: "reset" }), undefined)
          assert.ok((await feedOf()).sessions.some(({ sessionId }) => sessionId === session.id))
          assert.deepEqual(await eventsOf(owner.id), [type])
          assert.equal(
            (
              await store.startSession({
                accountId: owner.id,
                verifiedHash: "hash",
                session: newSession(),
                events: [],
              })
            ).kind,
            "refused",
          )
          assert.equal((await store.findAccountByEmail(owner.email)) === undefined, verb === "deleteAccount")
        })
      }
    })

    describe("signing in", () => {
      it("starts a session only for the hash that was verified", async () => {
        const owner = await account()
        const events = [{ type: "session.started", accountId: owner.id }] as const
        const refused = await store.startSession({
          accountId: owner.id,
          verifiedHash: "older",
          session: newSession(),
          events,
        })
        assert.equal(refused.kind, "refused")
        assert.deepEqual([await eventsOf(owner.id), await store.listSessions(owner.id)], [[], []])
      })
      it("sets failures to 0, keeps a stronger hash and ends the session it replaces", async () => {
        const { account: owner, session: old } = await signedIn()
        const failure = {
          accountId: owner.id,
          event: { type: "login.failed", accountId: owner.id },
          closesAt: 2,
          closedEvent: { type: "login.closed", accountId: owner.id },
        } as const
        await store.countFailure(failure)
        const session = newSession()
        const result = await store.startSession({
          accountId: owner.id,
          verifiedHash: "hash",
          rehashed: "stronger",
          session,
          replaces: old.id,
          events: [],
        })
        assert.ok(result.kind === "started")
        assert.deepEqual([result.account.failures, result.account.passwordHash], [0, "stronger"])
        assert.deepEqual(
          (await store.listSessions(owner.id)).map(({ id }) => id),
          [session.id],
        )
        assert.equal((await store.findSession(old.id))?.reason, "replaced")
      })
      it("counts failures in one row a minute, and tells once when they close the password", async () => {
        const owner = await account()
        const told = { accountId: owner.id, addressPrefix: "192.0.2.0/24" }
        for (let time = 0; time < 5; time++) {
          await store.countFailure({
            accountId: owner.id,
            event: { type: "login.failed", ...told },
            closesAt: 3,
            closedEvent: { type: "login.closed", ...told },
          })
        }
        assert.equal((await store.findAccount(owner.id))?.failures, 5)
        const events = await store.listEvents({ accountId: owner.id, limit: 10 })
        assert.deepEqual(events.map(({ type, count }) => `${type} ${count}`).sort(), [
          "login.closed 1",
          "login.failed 5",
        ])
      })
      it("bounds the rows of failures, whoever attacks from wherever", async () => {
        now += 120_000
        const one = (index: number) =>
          store.countFailure({
            accountId: undefined,
            event: { type: "login.failed", addressPrefix: `${index}` },
            closesAt: 100,
            closedEvent: { type: "login.closed" },
          })
        for (let from = 0; from < 1_300; from += 100)
          await Promise.all(Array.from({ length: 100 }, (_, index) => one(from + index)))
        const events = (await store.listEvents({ limit: 2_000 })).filter(
          ({ at, type }) => at === now && type === "login.failed",
        )
        // A thousand, one for all others, and what was under way when the last place was taken.
        assert.ok(events.length <= 1_100, String(events.length))
        assert.equal(
          events.reduce((sum, { count }) => sum + count, 0),
          1_300,
        )
      })
    })

    describe("refreshing", () => {
      it("rotates once, however often it is asked at the same time", async () => {
        const { session } = await signedIn()
        const results = await Promise.all(
          Array.from({ length: 64 }, () => store.presentRefresh(presentation(session))),
        )
        const verdicts = results.map(({ verdict }) => verdict)
        assert.equal(verdicts.filter((verdict) => verdict === "rotated").length, 1)
        assert.equal(verdicts.filter((verdict) => verdict === "retry").length, 63)
        assert.equal((await store.findSession(session.id))?.generation, 2)
      })
      it("moves the idle end, never the absolute end or the time of the sign-in", async () => {
        const { session, stored } = await signedIn()
        now += 60_000
        const result = await store.presentRefresh(presentation(session))
        assert.ok(result.verdict === "rotated")
        assert.equal(result.session.absoluteEnd, stored.absoluteEnd)
        assert.equal(result.session.authenticatedAt, stored.authenticatedAt)
        assert.equal(result.session.idleEnd, now + HOUR)
      })
      it("says late parent, reuse, rollback, ended and unknown, and revokes with the event in the same step", async () => {
        const late = await signedIn()
        const first = presentation(late.session)
        await store.presentRefresh(first)
        now += 10_001
        assert.equal((await store.presentRefresh(presentation(late.session))).verdict, "late-parent")
        assert.deepEqual(await eventsOf(late.account.id), ["session.parent_late"])
        assert.equal((await store.presentRefresh(presentation(late.session))).verdict, "ended")
        const stolen = await signedIn()
        const second = presentation(stolen.session)
        await store.presentRefresh(second)
        now += 16_001
        await store.presentRefresh(presentation(stolen.session, { generation: 2, hash: second.nextHash }))
        assert.equal((await store.presentRefresh(presentation(stolen.session))).verdict, "reuse")
        assert.deepEqual(await eventsOf(stolen.account.id), ["session.reuse"])
        const restored = await signedIn()
        assert.equal(
          (await store.presentRefresh(presentation(restored.session, { generation: 7 }))).verdict,
          "rollback",
        )
        const bearer = await signedIn()
        assert.equal(
          (await store.presentRefresh(presentation(bearer.session, { transport: "bearer" }))).verdict,
          "unknown",
        )
        assert.equal((await store.presentRefresh(presentation(newSession()))).verdict, "unknown")
        const idle = await signedIn()
        now += HOUR
        assert.equal((await store.presentRefresh(presentation(idle.session))).verdict, "ended")
      })
      it("tells the person in the step that revokes, whatever was mailed before; a rollback tells nobody", async () => {
        for (const verdict of ["reuse", "late-parent", "rollback"] as const) {
          const { account: owner, session } = await signedIn()
          const limitedEvent = { type: "mail.limited" } as const
          for (let time = 0; time < 12; time++)
            await store.enqueueMail({ ...mailTo(owner.email), limits: LIMITS, limitedEvent })
          await store.claimMail({ limit: 100, leaseMs: HOUR })
          if (verdict !== "rollback") {
            await store.presentRefresh(presentation(session, { nextHash: session.salt }))
            now += 16_001
          }
          if (verdict === "reuse") {
            const second = { generation: 2, hash: session.salt }
            assert.equal((await store.presentRefresh(presentation(session, second))).verdict, "rotated")
          }
          const change = verdict === "rollback" ? { generation: 7 } : {}
          for (const expected of [verdict, "ended"])
            assert.equal((await store.presentRefresh(presentation(session, change))).verdict, expected)
          const mails = (await store.claimMail({ limit: 100, leaseMs: HOUR }))
            .filter(({ email }) => email === owner.email)
            .map(({ purpose, accountId }) => [purpose, accountId])
          const told = [["signed-out-for-safety", owner.id]]
          assert.deepEqual(mails, verdict === "rollback" ? [] : told, verdict)
        }
      })
      it("fails, and does not decide, when its clock has gone back", async () => {
        const { session } = await signedIn()
        now -= 61_000
        await assert.rejects(store.presentRefresh(presentation(session)), { name: "UnavailableError" })
        now += 61_000
        assert.equal((await store.presentRefresh(presentation(session))).verdict, "rotated")
      })
    })

    describe("ending sessions", () => {
      it("ends only the owner's, and tells only what it ended", async () => {
        const { account: owner, session } = await signedIn()
        const other = await account()
        const input = {
          sessionId: session.id,
          reason: "user",
          events: [{ type: "session.ended_by_user", sessionId: session.id }],
        } as const
        assert.deepEqual(await store.revokeSession({ ...input, accountId: other.id }), { revoked: false })
        assert.deepEqual(await store.revokeSession({ ...input, accountId: owner.id }), { revoked: true })
        assert.deepEqual(await store.revokeSession({ ...input, accountId: owner.id }), { revoked: false })
        assert.deepEqual(await eventsOf(owner.id), ["session.ended_by_user"])
      })
      it("ends all but one, with the outstanding links", async () => {
        const { account: owner, session: kept } = await signedIn()
        const { session: ended } = await signedIn(newSession(), owner)
        const token = await issue(owner.email, "reset", "reset", owner.id)
        const result = await store.revokeSessions({
          accountId: owner.id,
          except: kept.id,
          reason: "user",
          events: [],
        })
        assert.deepEqual(result.revoked, [ended.id])
        assert.deepEqual(
          (await store.listSessions(owner.id)).map(({ id }) => id),
          [kept.id],
        )
        assert.equal(await store.findToken({ hash: token, purpose: "reset" }), undefined)
      })
      it("is told by the feed after a cursor, and without one while it is young enough", async () => {
        const { session } = await signedIn()
        const isTold = ({ sessions }: RevocationPage) =>
          sessions.some(({ sessionId }) => sessionId === session.id)
        const before = await feedOf()
        assert.ok(!isTold(before))
        await store.revokeSession({ sessionId: session.id, reason: "logout", events: [] })
        const revokedAt = now
        now += 1_000
        const after = await feedOf(before.cursor)
        assert.ok(isTold(after))
        assert.equal(after.sessions.find(({ sessionId }) => sessionId === session.id)?.revokedAt, revokedAt)
        assert.equal(after.now, now)
        now += HOUR
        assert.ok(!isTold(await feedOf()))
        assert.ok(isTold(await store.readRevocations({ withinMs: 2 * HOUR })))
      })
      it("is told by the feed although the store's clock went back", async () => {
        const { session } = await signedIn()
        const { cursor } = await feedOf()
        now -= HOUR / 2
        await store.revokeSession({ sessionId: session.id, reason: "logout", events: [] })
        const page = await feedOf(cursor)
        assert.ok(page.sessions.some(({ sessionId }) => sessionId === session.id))
        now += HOUR / 2
      })
    })

    describe("one-time tokens", () => {
      it("are found and redeemed for their own purpose alone, once, and until they end", async () => {
        const owner = await account()
        const cases: readonly [TokenPurpose, MailPurpose][] = [
          ["register", "register"],
          ["reset", "reset"],
        ]
        for (const [purpose, mail] of cases) {
          const email = purpose === "reset" ? owner.email : `${newId()}@example.com`
          const hash = await issue(email, mail, purpose, purpose === "reset" ? owner.id : null)
          const wrong: TokenPurpose = purpose === "reset" ? "register" : "reset"
          assert.equal(await store.findToken({ hash, purpose: wrong }), undefined)
          assert.equal((await store.findToken({ hash, purpose }))?.email, email)
          const asRegister = {
            token: { hash, purpose: wrong },
            newAccountId: newId(),
            passwordHash: "p",
            session: newSession(),
            events: () => [],
          }
          const asReset = {
            token: { hash, purpose: wrong },
            passwordHash: "p",
            events: () => [],
            mail: () => mailTo(email),
          }
          const misused =
            wrong === "register"
              ? await store.completeRegistration(asRegister)
              : await store.resetPassword(asReset)
          assert.equal(misused.kind, "refused")
          assert.ok(await store.findToken({ hash, purpose }), "a wrong purpose used the token up")
          now += HOUR
          assert.equal(await store.findToken({ hash, purpose }), undefined)
        }
      })
      it("register: one of many at once makes the account", async () => {
        const email = `${newId()}@example.com`
        const hash = await issue(email, "register", "register")
        const complete = () =>
          store.completeRegistration({
            token: { hash, purpose: "register" },
            newAccountId: newId(),
            passwordHash: "p",
            session: newSession(),
            events: (accountId) => [{ type: "account.created", accountId }],
          })
        const results = await Promise.all(Array.from({ length: 16 }, complete))
        assert.equal(results.filter(({ kind }) => kind === "started").length, 1)
        const made = await store.findAccountByEmail(email)
        assert.ok(made?.verifiedAt)
        assert.deepEqual(await eventsOf(made.id), ["account.created"])
      })
      it("register: completes an invitation, and never touches an account that has a password", async () => {
        const invited = await account(`${newId()}@example.com`, null)
        const hash = await issue(invited.email, "invite", "register", invited.id)
        const complete = (token: Uint8Array) =>
          store.completeRegistration({
            token: { hash: token, purpose: "register" },
            newAccountId: newId(),
            passwordHash: "p",
            session: newSession(),
            events: () => [],
          })
        const result = await complete(hash)
        assert.ok(result.kind === "started" && result.account.id === invited.id)
        const settled = await account()
        const late = await issue(settled.email, "register", "register")
        assert.equal((await complete(late)).kind, "refused")
        assert.equal((await store.findAccount(settled.id))?.passwordHash, "hash")
      })
      it("reset: sets the password, ends all sessions and tells the person", async () => {
        const { account: owner, session } = await signedIn()
        const hash = await issue(owner.email, "reset", "reset", owner.id)
        const result = await store.resetPassword({
          token: { hash, purpose: "reset" },
          passwordHash: "new",
          events: (accountId) => [{ type: "password.reset", accountId }],
          mail: ({ email, id }) => mailTo(email, { purpose: "password-reset", accountId: id }),
        })
        assert.ok(result.kind === "reset")
        assert.deepEqual(result.revoked, [session.id])
        assert.equal((await store.findAccount(owner.id))?.passwordHash, "new")
        assert.ok(
          (await store.claimMail({ limit: 50, leaseMs: 1000 })).some(
            ({ purpose, email }) => purpose === "password-reset" && email === owner.email,
          ),
        )
      })
      it("a newer one of the same purpose ends the older", async () => {
        const owner = await account()
        const older = await issue(owner.email, "reset", "reset", owner.id)
        await issue(owner.email, "reset", "reset", owner.id)
        assert.equal(await store.findToken({ hash: older, purpose: "reset" }), undefined)
      })
      it("change: compares and swaps the old hash, ends all sessions, starts one", async () => {
        const { account: owner, session: old } = await signedIn()
        const change = (verifiedHash: string, session: NewSession) =>
          store.changePassword({
            accountId: owner.id,
            verifiedHash,
            passwordHash: "new",
            session,
            events: [],
            mail: mailTo(owner.email, { purpose: "password-changed" }),
          })
        assert.equal((await change("other", newSession())).kind, "refused")
        const sessions = [newSession(), newSession()]
        const results = await Promise.all(sessions.map((session) => change("hash", session)))
        // Either may be first.
        assert.deepEqual(results.map(({ kind }) => kind).sort(), ["refused", "started"])
        const won = results.findIndex(({ kind }) => kind === "started")
        const result = results[won]
        assert.ok(result?.kind === "started" && result.revoked.includes(old.id))
        assert.deepEqual(
          (await store.listSessions(owner.id)).map(({ id }) => id),
          [sessions[won]?.id],
        )
      })
    })

    describe("mail", () => {
      it("is limited per recipient, decoys included, and an event tells it", async () => {
        const email = `${newId()}@example.com`
        const limitedEvent = { type: "mail.limited", addressPrefix: email } as const
        const enqueue = (decoy: boolean) =>
          store.enqueueMail({ ...mailTo(email, { decoy }), limits: LIMITS, limitedEvent })
        for (const decoy of [false, true, false, false]) await enqueue(decoy)
        const claimed = (await store.claimMail({ limit: 100, leaseMs: HOUR })).filter(
          (mail) => mail.email === email,
        )
        assert.equal(claimed.length, 2)
        assert.equal(
          (await store.listEvents({ limit: 500 })).filter(({ addressPrefix }) => addressPrefix === email)
            .length,
          1,
        )
        now += HOUR + 1
        await enqueue(false)
        assert.equal(
          (await store.claimMail({ limit: 100, leaseMs: HOUR })).filter(
            (mail) => mail.email === email && mail.attempts === 1,
          ).length,
          1,
        )
      })
      it("is limited for a day and in total; decoys use up only a total of their own", async () => {
        const claimed = async (limits: typeof LIMITS, mails: readonly NewMail[]): Promise<number> => {
          for (const mail of mails)
            await store.enqueueMail({ ...mail, limits, limitedEvent: { type: "mail.limited" } })
          return (await store.claimMail({ limit: 100, leaseMs: 100 * HOUR })).length
        }
        // What other tests left behind.
        now += HOUR + 1
        await claimed(LIMITS, [])
        const email = `${newId()}@example.com`
        const none = { ...LIMITS, totalHour: 1_000_000 }
        const three = Array.from({ length: 3 }, () => mailTo(email))
        const counts: number[] = []
        for (let hours = 0; hours < 5; hours++) {
          now += HOUR + 1
          counts.push(await claimed(none, three))
        }
        assert.deepEqual(counts, [3, 3, 3, 1, 0])
        now += 24 * HOUR
        assert.equal(await claimed(none, three), 3)
        now += HOUR + 1
        const some = { ...LIMITS, totalHour: 4 }
        const many = (decoy: boolean) =>
          Array.from({ length: 6 }, () => mailTo(`${newId()}@example.com`, { decoy }))
        assert.equal(await claimed(some, many(true)), 0)
        assert.equal(await claimed(some, many(false)), 4)
      })
      it("is told as limited in one row a minute for each network", async () => {
        now += HOUR + 1
        const email = `${newId()}@example.com`
        for (let time = 0; time < 8; time++)
          await store.enqueueMail({
            ...mailTo(email),
            limits: LIMITS,
            limitedEvent: { type: "mail.limited", addressPrefix: "198.51.100.0/24" },
          })
        const told = (await store.listEvents({ limit: 100 })).filter(
          ({ addressPrefix, at }) => addressPrefix === "198.51.100.0/24" && at === now,
        )
        assert.deepEqual(
          told.map(({ type, count }) => [type, count]),
          [["mail.limited", 5]],
        )
      })
      it("is claimed by one sender at a time and comes again when that one died", async () => {
        const email = `${newId()}@example.com`
        await store.enqueueMail({ ...mailTo(email), limits: LIMITS, limitedEvent: { type: "mail.limited" } })
        const claim = async () =>
          (await store.claimMail({ limit: 100, leaseMs: 60_000 })).find((mail) => mail.email === email)
        const [first, second] = await Promise.all([claim(), claim()])
        assert.ok((first === undefined) !== (second === undefined))
        assert.equal(await claim(), undefined)
        now += 60_001
        const again = await claim()
        assert.equal(again?.attempts, 2)
        await store.finishMail(again?.id ?? 0)
        now += 60_001
        assert.equal(await claim(), undefined)
        assert.deepEqual(
          await store.issueToken({
            mailId: again?.id ?? 0,
            hash: bytes(),
            purpose: "register",
            lifetimeMs: HOUR,
          }),
          { issued: false },
        )
      })
      it("is not sent to whom was deleted, not even about safety", async () => {
        const owner = await account()
        const mail = mailTo(owner.email, { purpose: "deletion-asked", accountId: owner.id })
        await store.scheduleDeletion({ accountId: owner.id, delayMs: 0, events: [], mail })
        await store.deleteAccount({ accountId: owner.id, events: [] })
        const claimed = await store.claimMail({ limit: 100, leaseMs: HOUR })
        assert.ok(!claimed.some(({ accountId, email }) => accountId === owner.id || email === owner.email))
      })
      it("is tried again after its wait, or given up with an event", async () => {
        const owner = await account()
        await store.enqueueMail({
          ...mailTo(owner.email, { accountId: owner.id }),
          limits: LIMITS,
          limitedEvent: { type: "mail.limited" },
        })
        const claim = async () =>
          (await store.claimMail({ limit: 100, leaseMs: HOUR })).find((mail) => mail.email === owner.email)
        const mail = await claim()
        assert.ok(mail)
        await store.retryMail({ mailId: mail.id, delayMs: 5_000 })
        assert.equal(await claim(), undefined)
        now += 5_000
        assert.equal((await claim())?.attempts, 2)
        await store.retryMail({ mailId: mail.id, giveUp: { type: "mail.failed", accountId: owner.id } })
        now += 2 * HOUR
        assert.equal(await claim(), undefined)
        assert.deepEqual(await eventsOf(owner.id), ["mail.failed"])
      })
    })

    describe("upkeep", () => {
      it("deletes what has outlived its retention and nothing younger", async () => {
        const { account: owner, session } = await signedIn()
        await store.revokeSession({
          sessionId: session.id,
          reason: "logout",
          events: [{ type: "session.signed_out" }],
        })
        const { session: live } = await signedIn(
          newSession({ idleMs: 400 * 24 * HOUR, absoluteMs: 400 * 24 * HOUR }),
          owner,
        )
        const purge = async () => {
          const limits = { eventRetentionMs: 24 * HOUR, revocationRetentionMs: HOUR }
          let after: string | undefined = ""
          for (let more = true; more; ) ({ more, after } = await store.purge({ ...limits, after }))
        }
        await purge()
        assert.ok(await store.findSession(session.id))
        assert.deepEqual(await eventsOf(owner.id), ["session.signed_out"])
        now += 25 * HOUR
        await purge()
        assert.equal(await store.findSession(session.id), undefined)
        assert.ok(await store.findSession(live.id))
        assert.deepEqual(await eventsOf(owner.id), [])
      })
      it("walks through all sessions in pieces, and deletes those that ended by themselves", async () => {
        const { account: owner } = await signedIn()
        const ended: string[] = []
        const live: string[] = []
        for (let made = 0; made < 2_100; made += 100) {
          const batch = Array.from({ length: 100 }, (_, index) => {
            const session = newSession({ idleMs: index % 3 === 0 ? HOUR : 90 * HOUR })
            ;(index % 3 === 0 ? ended : live).push(session.id)
            return store.startTrustedSession({ accountId: owner.id, session, events: [] })
          })
          await Promise.all(batch)
        }
        now += 3 * HOUR
        const limits = { eventRetentionMs: 24 * HOUR, revocationRetentionMs: HOUR }
        assert.equal((await store.purge(limits)).after, undefined)
        assert.ok(await store.findSession(ended[0] ?? ""), "without a place to begin none are looked at")
        let calls = 0
        let after: string | undefined = ""
        for (let more = true; more; calls++) ({ more, after } = await store.purge({ ...limits, after }))
        assert.ok(calls >= 2, `${calls} calls`)
        for (const id of ended) assert.equal(await store.findSession(id), undefined)
        const left = new Set((await store.listSessions(owner.id)).map(({ id }) => id))
        for (const id of live) assert.ok(left.has(id))
      })
      it("answers a ping, and after the end every verb fails", async () => {
        await store.ping()
        const closed = await open(() => now)
        await closed.close()
        await assert.rejects(closed.ping(), { name: "UnavailableError" })
        await assert.rejects(closed.findAccount(newId()), { name: "UnavailableError" })
      })
    })
  })
}
