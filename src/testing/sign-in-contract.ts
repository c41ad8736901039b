import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, describe, it } from "node:test"
import { toBase64url } from "../core/bytes.ts"
import type { Clock } from "../core/clock.ts"
import type {
  MailBudget,
  MailFlowPurpose,
  NewIdentity,
  NewMail,
  NewMailFlow,
  NewSession,
  Store,
} from "../store/store.ts"

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const LIMITS = { perRecipientHour: 5, perRecipientDay: 15, totalHour: 1000 }
const LIMITED = { type: "mail.limited" } as const
const FAILED = { type: "email_link.failed", addressPrefix: "192.0.2.0/24" } as const

const newId = (): string => toBase64url(randomBytes(16))
const bytes = (): Buffer => randomBytes(32)
const address = (): string => `${newId()}@example.com`.toLowerCase()

function newSession(change: Partial<NewSession> = {}): NewSession {
  const about = {
    transport: "cookie",
    persistent: true,
    client: "Firefox",
    addressPrefix: "192.0.2.0/24",
  } as const
  return {
    id: newId(),
    hash: bytes(),
    salt: bytes(),
    idleMs: HOUR,
    absoluteMs: 5 * HOUR,
    methods: [],
    ...about,
    ...change,
  }
}

function newIdentity(change: Partial<NewIdentity> = {}): NewIdentity {
  const issuer = "https://id.example.com"
  return { id: newId(), issuer, subject: newId(), provider: "example", email: null, tokens: null, ...change }
}

/** The verbs of sign-in without a password: proof of a mailbox, identities at providers, deletion by the owner. */
export function signInContract(name: string, open: (clock: Clock) => Promise<Store>): void {
  describe(`sign-in contract: ${name}`, () => {
    let now = 1_800_000_000_000
    let store: Store

    before(async () => {
      store = await open(() => now)
    })
    after(() => store.close())

    async function account(
      email: string = address(),
      change: { password?: string | null; verified?: boolean } = {},
    ) {
      const { password = "hash", verified = true } = change
      const made = await store.createAccount({
        id: newId(),
        email,
        passwordHash: password,
        roles: [],
        verified,
        events: [],
      })
      assert.ok(made.kind === "created")
      return made.account
    }

    const eventsOf = async (accountId: string): Promise<string[]> =>
      (await store.listEvents({ accountId, limit: 100 })).map((event) => event.type)

    async function sessionOf(accountId: string) {
      const started = await store.startTrustedSession({ accountId, session: newSession(), events: [] })
      assert.ok(started.kind === "started")
      return started.session
    }

    interface Ask {
      readonly email: string
      readonly accountId?: string | null
      readonly decoy?: boolean
      readonly budget?: MailBudget
      readonly purpose?: MailFlowPurpose
      readonly mail?: NewMail["purpose"]
    }

    function flowFor(ask: Ask): NewMailFlow {
      return {
        id: newId(),
        purpose: ask.purpose ?? "sign-in",
        email: ask.email,
        accountId: ask.accountId ?? null,
        secretHash: bytes(),
        client: "Firefox on Linux",
        addressPrefix: "192.0.2.0/24",
        persistent: false,
        lifetimeMs: 10 * MINUTE,
      }
    }

    function mailFor(ask: Ask, flowId: string): NewMail {
      const { email, accountId = null, decoy = false, budget = "link", mail = "email-link" } = ask
      return { purpose: mail, email, accountId, decoy, language: "en", budget, flowId }
    }

    async function ask(input: Ask): Promise<NewMailFlow> {
      const flow = flowFor(input)
      const mails = [mailFor(input, flow.id)]
      await store.startMailFlow({ flows: [flow], mails, limits: LIMITS, limitedEvent: LIMITED, events: [] })
      return flow
    }

    /** What the sender does: claims the mail of a flow and gives it its link and code. */
    async function send(flow: NewMailFlow) {
      const mails = await store.claimMail({ limit: 100, leaseMs: HOUR })
      const mail = mails.find(({ flowId }) => flowId === flow.id)
      if (mail === undefined) return undefined
      const secrets = { tokenHash: bytes(), codeMac: bytes() }
      const { issued } = await store.issueFlow({ mailId: mail.id, ...secrets })
      await store.finishMail(mail.id)
      return { mail, issued, ...secrets }
    }

    async function sent(input: Ask) {
      const flow = await ask(input)
      const secrets = await send(flow)
      assert.ok(secrets?.issued)
      return { flow, ...secrets }
    }

    const complete = (
      flow: Pick<NewMailFlow, "id" | "secretHash">,
      proof: { tokenHash: Uint8Array } | { codeMacs: Uint8Array[] },
      session: NewSession = newSession(),
      replaces?: string,
    ) =>
      store.completeEmailLink({
        flow: { flowId: flow.id, secretHash: flow.secretHash },
        proof,
        newAccountId: newId(),
        session,
        ...(replaces === undefined ? {} : { replaces }),
        events: (accountId, created) => [
          { type: created ? "account.created" : "session.started", accountId },
        ],
        failedEvent: FAILED,
      })

    describe("proof of a mailbox", () => {
      it("tells the sender who asked, and keeps hashes alone", async () => {
        const flow = await ask({ email: address() })
        const found = await send(flow)
        assert.deepEqual(found?.mail.flow, {
          ...found?.mail.flow,
          id: flow.id,
          client: "Firefox on Linux",
          addressPrefix: "192.0.2.0/24",
          createdAt: now,
        })
      })
      it("is found by its browser and by its link, until it ends", async () => {
        const { flow, tokenHash } = await sent({ email: address() })
        const key = { flowId: flow.id, secretHash: flow.secretHash }
        assert.equal((await store.findMailFlow(key))?.triesLeft, 3)
        assert.equal(await store.findMailFlow({ ...key, secretHash: bytes() }), undefined)
        assert.equal((await store.findMailFlowByToken(tokenHash))?.id, flow.id)
        assert.equal(await store.findMailFlowByToken(bytes()), undefined)
        now += 10 * MINUTE
        assert.equal(await store.findMailFlow(key), undefined)
        assert.equal(await store.findMailFlowByToken(tokenHash), undefined)
        assert.equal((await complete(flow, { tokenHash })).kind, "refused")
      })
      for (const by of ["link", "code"] as const) {
        it(`signs in by the ${by}, once of many at the same time, with remember-me as it was asked`, async () => {
          const owner = await account()
          const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
          const proof = by === "link" ? { tokenHash } : { codeMacs: [bytes(), codeMac] }
          const results = await Promise.all(Array.from({ length: 8 }, () => complete(flow, proof)))
          const started = results.filter(({ kind }) => kind === "started")
          assert.equal(started.length, 1)
          assert.ok(started[0]?.kind === "started" && !started[0].created)
          assert.equal(started[0].account.id, owner.id)
          assert.equal(started[0].session.persistent, false)
          assert.equal((await store.listSessions(owner.id)).length, 1)
        })
        it(`is nothing without the browser that asked: ${by}`, async () => {
          const owner = await account()
          const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
          const other = await ask({ email: owner.email, accountId: owner.id })
          const proof = by === "link" ? { tokenHash } : { codeMacs: [codeMac] }
          for (const key of [
            other,
            { id: flow.id, secretHash: bytes() },
            { id: newId(), secretHash: flow.secretHash },
          ])
            assert.equal((await complete(key, proof)).kind, "refused")
          assert.deepEqual(await store.listSessions(owner.id), [])
          assert.equal((await complete(flow, proof)).kind, "started")
        })
      }
      it("has three tries of a code, the right one no longer after them, nor the link", async () => {
        const owner = await account()
        const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
        const left: number[] = []
        for (let time = 0; time < 3; time++) {
          const result = await complete(flow, { codeMacs: [bytes()] })
          assert.ok(result.kind === "refused")
          left.push(result.triesLeft)
        }
        assert.deepEqual(left, [2, 1, 0])
        assert.equal((await complete(flow, { codeMacs: [codeMac] })).kind, "refused")
        assert.equal((await complete(flow, { tokenHash })).kind, "refused")
        const failed = (await store.listEvents({ limit: 100 })).find(
          ({ type }) => type === "email_link.failed",
        )
        assert.ok((failed?.count ?? 0) >= 3)
      })
      it("makes the account of an unknown address, and completes an invitation", async () => {
        const email = address()
        const unknown = await sent({ email })
        const made = await complete(unknown.flow, { tokenHash: unknown.tokenHash })
        assert.ok(made.kind === "started" && made.created && made.account.verifiedAt === now)
        assert.equal(made.account.passwordHash, null)
        assert.deepEqual(await eventsOf(made.account.id), ["account.created"])
        const invited = await account(address(), { password: null, verified: false })
        const { flow, tokenHash } = await sent({ email: invited.email, accountId: invited.id })
        const accepted = await complete(flow, { tokenHash })
        assert.ok(accepted.kind === "started" && accepted.account.verifiedAt === now)
      })
      it("gives a decoy neither link nor code", async () => {
        const flow = await ask({ email: address(), decoy: true })
        assert.equal(await send(flow), undefined)
        assert.equal((await complete(flow, { codeMacs: [bytes()] })).kind, "refused")
      })
      it("does not sign in to an account that was disabled or deleted meanwhile, or lost the address", async () => {
        for (const end of ["disable", "delete"] as const) {
          const owner = await account()
          const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
          const events = [{ type: "account.disabled", accountId: owner.id }] as const
          if (end === "disable") await store.setDisabled({ accountId: owner.id, disabled: true, events })
          else await store.deleteAccount({ accountId: owner.id, events })
          assert.equal((await complete(flow, { tokenHash })).kind, "refused", end)
          assert.equal((await store.findAccountByEmail(owner.email)) === undefined, end === "delete")
        }
      })
      it("ends the session that it replaces", async () => {
        const owner = await account()
        const old = await sessionOf(owner.id)
        const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
        const session = newSession()
        assert.equal((await complete(flow, { tokenHash }, session, old.id)).kind, "started")
        assert.deepEqual(
          (await store.listSessions(owner.id)).map(({ id }) => id),
          [session.id],
        )
      })
      it("is disowned by its link, once", async () => {
        const { flow, tokenHash } = await sent({ email: address() })
        const events = () => [{ type: "email_link.denied" } as const]
        assert.deepEqual(await store.denyMailFlow({ tokenHash, events }), { denied: true })
        assert.deepEqual(await store.denyMailFlow({ tokenHash, events }), { denied: false })
        assert.equal((await complete(flow, { tokenHash })).kind, "refused")
      })
      it("ends with everything else that is outstanding", async () => {
        const owner = await account()
        const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
        const waiting = await ask({ email: owner.email, accountId: owner.id })
        await store.revokeSessions({ accountId: owner.id, reason: "user", events: [] })
        assert.equal((await complete(flow, { tokenHash })).kind, "refused")
        assert.equal(await send(waiting), undefined)
      })
      it("is not given a link when it ended before the mail went out", async () => {
        const flow = await ask({ email: address() })
        now += 10 * MINUTE
        const mails = await store.claimMail({ limit: 100, leaseMs: HOUR })
        const mail = mails.find(({ flowId }) => flowId === flow.id)
        assert.ok(mail !== undefined && mail.flow === undefined)
        const secrets = { tokenHash: bytes(), codeMac: bytes() }
        assert.deepEqual(await store.issueFlow({ mailId: mail.id, ...secrets }), { issued: false })
      })
      it("counts strangers and known browsers apart, and neither against other mails", async () => {
        const owner = await account()
        const input = { email: owner.email, accountId: owner.id }
        for (let time = 0; time < 5; time++) assert.ok(await send(await ask(input)))
        assert.equal(await send(await ask(input)), undefined)
        assert.ok(await send(await ask({ ...input, budget: "link-device" })))
        const reset = { purpose: "reset", accountId: owner.id, decoy: false, language: "en" } as const
        await store.enqueueMail({ ...reset, email: owner.email, limits: LIMITS, limitedEvent: LIMITED })
        const claimed = await store.claimMail({ limit: 100, leaseMs: HOUR })
        assert.ok(claimed.some(({ purpose, email }) => purpose === "reset" && email === owner.email))
        now += HOUR + 1
        assert.ok(await send(await ask(input)))
      })
    })

    describe("a change of address", () => {
      async function begin() {
        const owner = await account()
        const after = address()
        const old: Ask = {
          email: owner.email,
          accountId: owner.id,
          purpose: "email-change-old",
          mail: "email-change-old",
        }
        const changed: Ask = {
          email: after,
          accountId: owner.id,
          purpose: "email-change-new",
          mail: "email-change-new",
        }
        const flows = [flowFor(old), flowFor(changed)] as const
        await store.startMailFlow({
          flows,
          mails: [mailFor(old, flows[0].id), mailFor(changed, flows[1].id)],
          limits: LIMITS,
          limitedEvent: LIMITED,
          events: [{ type: "email.change_asked", accountId: owner.id }],
        })
        const mails = await store.claimMail({ limit: 100, leaseMs: HOUR })
        const codes: Buffer[] = []
        for (const flow of flows) {
          const mail = mails.find(({ flowId }) => flowId === flow.id)
          const codeMac = bytes()
          assert.ok((await store.issueFlow({ mailId: mail?.id ?? 0, tokenHash: bytes(), codeMac })).issued)
          codes.push(codeMac)
        }
        const finish = (oldMac: Buffer | undefined, newMac: Buffer | undefined, accountId = owner.id) =>
          store.completeEmailChange({
            accountId,
            old: { flowId: flows[0].id, codeMacs: [oldMac ?? bytes()] },
            new: { flowId: flows[1].id, codeMacs: [newMac ?? bytes()] },
            exceptSession: newId(),
            events: [{ type: "email.changed", accountId }],
            mails: (was, is) =>
              [was, is].map((email) => ({
                purpose: "email-changed",
                email,
                accountId,
                decoy: false,
                language: "en",
              })),
          })
        return { owner, after, codes, flows, finish }
      }

      it("needs both codes, ends sessions and tells both addresses", async () => {
        const { owner, after, codes, flows, finish } = await begin()
        const session = await sessionOf(owner.id)
        assert.deepEqual(
          Object.values((await store.findEmailChange(owner.id)) ?? {}).map(({ id }) => id),
          flows.map(({ id }) => id),
        )
        const result = await finish(codes[0], codes[1])
        assert.ok(result.kind === "changed" && result.account.email === after)
        assert.deepEqual(result.revoked, [session.id])
        assert.equal((await store.findAccountByEmail(after))?.id, owner.id)
        assert.equal(await store.findAccountByEmail(owner.email), undefined)
        const told = (await store.claimMail({ limit: 100, leaseMs: HOUR }))
          .filter(({ purpose, accountId }) => purpose === "email-changed" && accountId === owner.id)
          .map(({ email }) => email)
        assert.deepEqual(told.sort(), [owner.email, after].sort())
        assert.equal((await finish(codes[0], codes[1])).kind, "refused")
      })
      it("is refused with one code alone, and over after three tries", async () => {
        const { owner, codes, finish } = await begin()
        for (const [old, changed, left] of [
          [codes[0], undefined, 2],
          [undefined, codes[1], 1],
          [undefined, undefined, 0],
        ] as const) {
          assert.deepEqual(await finish(old, changed), { kind: "refused", triesLeft: left })
        }
        assert.equal((await finish(codes[0], codes[1])).kind, "refused")
        assert.equal((await store.findAccount(owner.id))?.email, owner.email)
      })
      it("is the account's own, and not possible any more when the address was taken", async () => {
        const stolen = await begin()
        const thief = await account()
        assert.equal((await stolen.finish(stolen.codes[0], stolen.codes[1], thief.id)).kind, "refused")
        const late = await begin()
        await account(late.after)
        assert.equal((await late.finish(late.codes[0], late.codes[1])).kind, "taken")
        assert.equal((await store.findAccount(late.owner.id))?.email, late.owner.email)
      })
      it("ends when another one is asked for", async () => {
        const { owner, finish, codes } = await begin()
        const purpose = "email-change-old"
        await ask({ email: owner.email, accountId: owner.id, purpose, mail: purpose })
        assert.equal(await store.findEmailChange(owner.id), undefined)
        assert.equal((await finish(codes[0], codes[1])).kind, "refused")
      })
    })

    describe("identities", () => {
      const events = (accountId: string) => [{ type: "session.started", accountId } as const]
      const signIn = (identity: NewIdentity, replaces?: string) =>
        store.signInByIdentity({
          issuer: identity.issuer,
          subject: identity.subject,
          tokens: null,
          session: newSession(),
          ...(replaces === undefined ? {} : { replaces }),
          events,
        })
      const link = (accountId: string, identity: NewIdentity) =>
        store.linkIdentity({
          accountId,
          identity,
          events: [{ type: "identity.linked", accountId }],
          mail: {
            purpose: "identity-linked",
            email: address(),
            accountId,
            decoy: false,
            language: "en",
            about: "X",
          },
        })
      const unlink = (accountId: string, identityId: string, mailIsWayIn: boolean) =>
        store.unlinkIdentity({
          accountId,
          identityId,
          mailIsWayIn,
          events: [{ type: "identity.unlinked", accountId }],
          mail: {
            purpose: "identity-unlinked",
            email: address(),
            accountId,
            decoy: false,
            language: "en",
            about: "X",
          },
        })

      it("are known by issuer and subject together", async () => {
        const owner = await account()
        const identity = newIdentity({ email: "shown@example.com" })
        assert.equal((await signIn(identity)).kind, "refused")
        assert.equal((await link(owner.id, identity)).kind, "linked")
        const found = await store.findIdentity(identity)
        assert.equal(found?.accountId, owner.id)
        assert.equal(found?.email, "shown@example.com")
        for (const other of [{ issuer: "https://evil.example.com" }, { subject: newId() }])
          assert.equal(await store.findIdentity({ ...identity, ...other }), undefined)
        assert.equal(await store.findTokens(identity.id), undefined)
        now += MINUTE
        const started = await signIn(identity)
        assert.ok(started.kind === "started" && started.account.id === owner.id)
        assert.equal((await store.listIdentities(owner.id))[0]?.lastUsedAt, now)
      })
      it("keep sealed tokens, the newest, until the identity goes", async () => {
        const owner = await account()
        const tokens = bytes()
        const identity = newIdentity({ tokens })
        await link(owner.id, identity)
        assert.deepEqual(Buffer.from((await store.findTokens(identity.id)) ?? []), tokens)
        const newer = bytes()
        const { issuer, subject } = identity
        await store.signInByIdentity({ issuer, subject, tokens: newer, session: newSession(), events })
        assert.deepEqual(Buffer.from((await store.findTokens(identity.id)) ?? []), newer)
        await unlink(owner.id, identity.id, true)
        assert.equal(await store.findTokens(identity.id), undefined)
      })
      it("make an account once, however often at the same time, and never over an existing address", async () => {
        const identity = newIdentity()
        const email = address()
        const create = (made: NewIdentity, at: string) =>
          store.createByIdentity({
            identity: made,
            newAccountId: newId(),
            email: at,
            session: newSession(),
            events,
          })
        const results = await Promise.all(Array.from({ length: 8 }, () => create(identity, email)))
        assert.equal(results.filter(({ kind }) => kind === "started").length, 1)
        assert.equal((await create(newIdentity(), email)).kind, "refused")
        assert.equal((await create(identity, address())).kind, "refused")
        assert.equal((await store.findAccountByEmail(email))?.verifiedAt, now)
      })
      it("belong to one account", async () => {
        const [a, b] = [await account(), await account()]
        const identity = newIdentity()
        const results = await Promise.all([link(a.id, identity), link(b.id, identity), link(a.id, identity)])
        // Either may be first; the same account may link it again.
        const holder = (await store.findIdentity(identity))?.accountId
        assert.deepEqual(
          results.map(({ kind }) => kind),
          [a, b, a].map(({ id }) => (id === holder ? "linked" : "taken")),
        )
        for (const { id } of [a, b]) {
          assert.equal((await store.listIdentities(id)).length, id === holder ? 1 : 0)
          assert.deepEqual(await eventsOf(id), id === holder ? ["identity.linked"] : [])
        }
        assert.equal((await link(newId(), newIdentity())).kind, "unknown")
      })
      it("do not sign in to a disabled account, and go with a deleted one", async () => {
        const owner = await account()
        const identity = newIdentity()
        await link(owner.id, identity)
        const change = { accountId: owner.id, events: [] }
        await store.setDisabled({ ...change, disabled: true })
        assert.equal((await signIn(identity)).kind, "refused")
        await store.deleteAccount(change)
        assert.equal(await store.findIdentity(identity), undefined)
      })
      it("are not removed when they are the last way in", async () => {
        const owner = await account(address(), { password: null })
        const [first, second] = [newIdentity(), newIdentity()]
        await link(owner.id, first)
        assert.equal((await unlink(owner.id, first.id, false)).kind, "last")
        await link(owner.id, second)
        const results = await Promise.all([
          unlink(owner.id, first.id, false),
          unlink(owner.id, second.id, false),
        ])
        assert.deepEqual(results.map(({ kind }) => kind).sort(), ["last", "unlinked"])
        const [left] = await store.listIdentities(owner.id)
        const other = await account()
        assert.equal((await unlink(other.id, left?.id ?? "", true)).kind, "unknown")
        assert.equal((await unlink(owner.id, left?.id ?? "", true)).kind, "unlinked")
        const withPassword = await account()
        const third = newIdentity()
        await link(withPassword.id, third)
        assert.equal((await unlink(withPassword.id, third.id, false)).kind, "unlinked")
      })
      it("redeem a state once", async () => {
        const state = { hash: bytes(), lifetimeMs: 10 * MINUTE }
        const results = await Promise.all([store.redeemState(state), store.redeemState(state)])
        assert.deepEqual(results.map(({ fresh }) => fresh).sort(), [false, true])
      })
    })

    describe("deletion by the owner", () => {
      it("waits, can be taken back, and is told when its time has come", async () => {
        const owner = await account()
        const schedule = (delayMs: number | null) =>
          store.scheduleDeletion({
            accountId: owner.id,
            delayMs,
            events: [{ type: "account.deletion_asked", accountId: owner.id }],
          })
        const due = async () => (await store.listDueDeletions(100)).map(({ id }) => id)
        const asked = await schedule(HOUR)
        assert.ok(asked.kind === "changed" && asked.account.deletionAt === now + HOUR)
        assert.ok(!(await due()).includes(owner.id))
        now += HOUR
        assert.ok((await due()).includes(owner.id))
        await schedule(null)
        assert.ok(!(await due()).includes(owner.id))
        const unknown = await store.scheduleDeletion({ accountId: newId(), delayMs: 0, events: [] })
        assert.equal(unknown.kind, "unknown")
      })
    })

    describe("a look at a refresh token", () => {
      it("says what a refresh would, and writes nothing", async () => {
        const owner = await account()
        const session = newSession()
        await store.startTrustedSession({ accountId: owner.id, session, events: [] })
        const next = { nextHash: bytes(), nextSalt: bytes() }
        const question = (generation: number, hash: Uint8Array) => ({
          sessionId: session.id,
          generation,
          hash,
          transport: "cookie" as const,
          graceMs: 10_000,
          minRotateMs: 16_000,
          readyAt: 0,
        })
        const present = (generation: number, hash: Uint8Array) =>
          store.presentRefresh({
            ...question(generation, hash),
            ...next,
            idleMs: HOUR,
            events: { reuse: [], "late-parent": [], rollback: [] },
            mail: ({ id: accountId, email }) => ({
              purpose: "signed-out-for-safety",
              email,
              accountId,
              decoy: false,
              language: "en",
            }),
          })
        const steps: readonly [number, Uint8Array, number, string][] = [
          [1, session.hash, 0, "rotated"],
          [2, next.nextHash, 0, "coalesced"],
          [1, session.hash, 0, "retry"],
          [1, session.hash, 10_001, "late-parent"],
          [2, next.nextHash, 0, "ended"],
        ]
        for (const [generation, hash, wait, verdict] of steps) {
          now += wait
          const before = await store.findSession(session.id)
          for (let time = 0; time < 2; time++) {
            const peeked = await store.peekRefresh(question(generation, hash))
            assert.equal(peeked.verdict, verdict)
            assert.equal(
              "session" in peeked && peeked.account.id === owner.id,
              /ed$|retry/.test(verdict) && verdict !== "ended",
            )
          }
          assert.deepEqual(await store.findSession(session.id), before)
          assert.equal((await present(generation, hash)).verdict, verdict)
        }
        assert.equal(
          (await store.peekRefresh({ ...question(1, bytes()), sessionId: newId() })).verdict,
          "unknown",
        )
        assert.equal(
          (await store.peekRefresh({ ...question(1, session.hash), transport: "bearer" })).verdict,
          "unknown",
        )
      })
    })

    describe("upkeep", () => {
      it("deletes flows and states that have ended, and events that were recorded stay", async () => {
        const flow = await ask({ email: address() })
        const owner = await account()
        await store.recordEvents([{ type: "account.exported", accountId: owner.id }])
        assert.deepEqual(await eventsOf(owner.id), ["account.exported"])
        for (let time = 0; time < 3; time++)
          await store.countEvent({ type: "oauth.refused", addressPrefix: "198.51.100.0/24" })
        const refused = (await store.listEvents({ limit: 100 })).filter(
          ({ type }) => type === "oauth.refused",
        )
        assert.deepEqual(
          refused.map(({ count }) => count),
          [3],
        )
        const state = { hash: bytes(), lifetimeMs: MINUTE }
        await store.redeemState(state)
        now += HOUR
        while (await store.purge({ eventRetentionMs: 24 * HOUR, revocationRetentionMs: HOUR }));
        assert.equal(await store.findMailFlow({ flowId: flow.id, secretHash: flow.secretHash }), undefined)
        assert.deepEqual(await store.redeemState(state), { fresh: true })
      })
    })
  })
}
