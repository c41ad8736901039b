/** What SQLite's one writer cannot get wrong: verbs of several instances at the same moment, on a real server, many times. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, describe, it } from "node:test"
import { toBase64url } from "../../src/core/bytes.ts"
import type { NewEvent } from "../../src/core/event.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type {
  ClaimedMail,
  MailPurpose,
  NewIdentity,
  NewMail,
  NewMailFlow,
  NewSession,
  Store,
  TokenPurpose,
} from "../../src/store/store.ts"
import { ask, withDatabase } from "./postgres-server.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const ROUNDS = LONG ? 100 : 8
const HOUR = 3_600_000
const MANY = { perRecipientHour: 1e6, perRecipientDay: 1e6, totalHour: 1e6 }
const LIMITED = { type: "mail.limited" } as const

const newId = (): string => toBase64url(randomBytes(16))
const bytes = (): Buffer => randomBytes(32)
const address = (): string => `${newId()}@example.com`.toLowerCase()

function newSession(): NewSession {
  return {
    id: newId(),
    hash: bytes(),
    salt: bytes(),
    idleMs: HOUR,
    absoluteMs: 5 * HOUR,
    transport: "cookie",
    persistent: true,
    methods: [],
    client: "Firefox",
    addressPrefix: "192.0.2.0/24",
  }
}

function newIdentity(): NewIdentity {
  const issuer = "https://id.example.com"
  return { id: newId(), issuer, subject: newId(), provider: "example", email: null, tokens: null }
}

function mailTo(email: string, change: Partial<NewMail> = {}): NewMail {
  return { purpose: "register", email, accountId: null, decoy: false, language: "en", ...change }
}

/** Everything a test needs of one database that two instances share, each with a pool of its own. */
function tools(stores: readonly [Store, Store]) {
  const [store] = stores
  const at = (index: number): Store => stores[index % 2] as Store

  /** `count` calls at once, spread over the instances. */
  const atOnce = <Result>(
    count: number,
    ask: (store: Store, index: number) => Promise<Result>,
  ): Promise<Result[]> => Promise.all(Array.from({ length: count }, (_, index) => ask(at(index), index)))

  async function account(change: { email?: string; password?: string | null; verified?: boolean } = {}) {
    const { email = address(), password = "hash", verified = true } = change
    const input = { id: newId(), email, passwordHash: password, roles: [], verified, events: [] }
    const made = await store.createAccount(input)
    assert.ok(made.kind === "created")
    return made.account
  }

  async function claim(wanted: (mail: ClaimedMail) => boolean): Promise<ClaimedMail> {
    const mail = (await store.claimMail({ limit: 10_000, leaseMs: HOUR })).find(wanted)
    assert.ok(mail, "the mail is not in the outbox")
    return mail
  }

  async function claimed(email: string, purpose: MailPurpose, accountId: string | null = null) {
    const mail = mailTo(email, { purpose, accountId })
    await store.enqueueMail({ ...mail, limits: MANY, limitedEvent: LIMITED })
    return claim((each) => each.email === email && each.purpose === purpose)
  }

  async function token(email: string, purpose: TokenPurpose, accountId: string | null = null) {
    const mail = await claimed(email, purpose, accountId)
    const hash = bytes()
    assert.ok((await store.issueToken({ mailId: mail.id, hash, purpose, lifetimeMs: HOUR })).issued)
    await store.finishMail(mail.id)
    return { hash, purpose }
  }

  function flowFor(email: string, accountId: string | null, purpose: NewMailFlow["purpose"] = "sign-in") {
    const whence = { client: "Firefox on Linux", addressPrefix: "192.0.2.0/24", persistent: false }
    return { id: newId(), purpose, email, accountId, secretHash: bytes(), lifetimeMs: HOUR, ...whence }
  }

  const start = (on: Store, flows: readonly NewMailFlow[], limits: typeof MANY = MANY) =>
    on.startMailFlow({
      flows,
      mails: flows.map(({ id: flowId, email, accountId, purpose }) =>
        mailTo(email, {
          purpose: purpose === "sign-in" ? "email-link" : purpose,
          budget: "link",
          accountId,
          flowId,
        }),
      ),
      limits,
      limitedEvent: LIMITED,
      events: [],
    })

  async function sentFlow(email: string, accountId: string | null) {
    const flow = flowFor(email, accountId)
    await start(store, [flow])
    const mail = await claim(({ flowId }) => flowId === flow.id)
    const [tokenHash, codeMac] = [bytes(), bytes()]
    assert.ok((await store.issueFlow({ mailId: mail.id, tokenHash, codeMac })).issued)
    return { flow, tokenHash, codeMac }
  }

  const complete = (
    on: Store,
    flow: NewMailFlow,
    proof: { tokenHash: Uint8Array } | { codeMacs: Uint8Array[] },
  ) =>
    on.completeEmailLink({
      flow: { flowId: flow.id, secretHash: flow.secretHash },
      proof,
      newAccountId: newId(),
      session: newSession(),
      events: (accountId, created) => [{ type: created ? "account.created" : "session.started", accountId }],
      failedEvent: { type: "email_link.failed" },
    })

  const register = (on: Store, hash: Uint8Array) =>
    on.completeRegistration({
      token: { hash, purpose: "register" },
      newAccountId: newId(),
      passwordHash: "p",
      session: newSession(),
      events: (accountId) => [{ type: "account.created", accountId }],
    })

  const reset = (on: Store, hash: Uint8Array) =>
    on.resetPassword({
      token: { hash, purpose: "reset" },
      passwordHash: "new",
      events: (accountId) => [{ type: "password.reset", accountId }],
      mail: ({ id, email }) => mailTo(email, { purpose: "password-reset", accountId: id }),
    })

  const link = (on: Store, accountId: string, identity: NewIdentity) =>
    on.linkIdentity({
      accountId,
      identity,
      events: [{ type: "identity.linked", accountId }],
      mail: mailTo(address(), { purpose: "identity-linked", accountId }),
    })

  const byIdentity = (on: Store, identity: NewIdentity) =>
    on.signInByIdentity({
      issuer: identity.issuer,
      subject: identity.subject,
      tokens: null,
      session: newSession(),
      events: (accountId) => [{ type: "session.started", accountId }],
    })

  const create = (on: Store, email: string, identity: NewIdentity = newIdentity()) =>
    on.createByIdentity({
      identity,
      newAccountId: newId(),
      email,
      session: newSession(),
      events: (accountId) => [{ type: "account.created", accountId }],
    })

  const eventsOf = async (accountId: string, type: NewEvent["type"]): Promise<number> =>
    (await store.listEvents({ accountId, limit: 1_000 })).filter((event) => event.type === type).length

  return {
    store,
    at,
    atOnce,
    account,
    claim,
    claimed,
    token,
    flowFor,
    start,
    sentFlow,
    complete,
    register,
    reset,
    link,
    byIdentity,
    create,
    eventsOf,
  }
}

const kindsOf = (results: readonly { readonly kind: string }[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(results, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]))

async function many(round: () => Promise<void>): Promise<void> {
  for (let time = 0; time < ROUNDS; time++) await round()
}

withDatabase("postgres: at the same moment", (url) => {
  let on: ReturnType<typeof tools>
  let stores: readonly [Store, Store]
  before(async () => {
    stores = [await openPostgres({ url: url() }), await openPostgres({ url: url() })]
    on = tools(stores)
  })
  after(() => Promise.all(stores.map((store) => store.close())))

  describe("one-time tokens", () => {
    it("make one account with one session, however many redeem the same one", () =>
      many(async () => {
        const email = address()
        const { hash } = await on.token(email, "register")
        const results = await on.atOnce(16, (store) => on.register(store, hash))
        assert.deepEqual(kindsOf(results), { started: 1, refused: 15 })
        const made = await on.store.findAccountByEmail(email)
        assert.equal((await on.store.listSessions(made?.id ?? "")).length, 1)
        assert.equal(await on.eventsOf(made?.id ?? "", "account.created"), 1)
      }))

    it("reset a password once, and end every session that a sign-in with the old one begins meanwhile", () =>
      many(async () => {
        const owner = await on.account()
        const token = await on.token(owner.email, "reset", owner.id)
        const signIn = (store: Store) =>
          store.startSession({
            accountId: owner.id,
            verifiedHash: "hash",
            session: newSession(),
            events: [],
          })
        const [resets] = await Promise.all([
          on.atOnce(4, (store) => on.reset(store, token.hash)),
          on.atOnce(6, signIn),
        ])
        assert.deepEqual(kindsOf(resets), { reset: 1, refused: 3 })
        assert.deepEqual(await on.store.listSessions(owner.id), [])
        assert.equal((await signIn(on.store)).kind, "refused")
        assert.equal(await on.eventsOf(owner.id, "password.reset"), 1)
      }))

    it("of one address and purpose live one at a time, whichever mails they are made for", () =>
      many(async () => {
        const owner = await on.account()
        const cases = [
          ["reset", owner.email, owner.id],
          ["register", address(), null],
        ] as const
        for (const [purpose, email, accountId] of cases) {
          const mails = [
            await on.claimed(email, purpose, accountId),
            await on.claimed(email, purpose, accountId),
          ]
          const made = await on.atOnce(8, async (store, index) => {
            const hash = bytes()
            const mailId = mails[index >> 2]?.id ?? 0
            const { issued } = await store.issueToken({ mailId, hash, purpose, lifetimeMs: HOUR })
            assert.ok(issued)
            return hash
          })
          const live = await Promise.all(made.map((hash) => on.store.findToken({ hash, purpose })))
          assert.equal(live.filter((token) => token !== undefined).length, 1, purpose)
        }
      }))

    it("and flows that are made while everything outstanding ends have ended, too", () =>
      many(async () => {
        const owner = await on.account()
        const mail = await on.claimed(owner.email, "reset", owner.id)
        const flow = on.flowFor(owner.email, owner.id)
        await on.start(on.store, [flow])
        const flowMail = await on.claim(({ flowId }) => flowId === flow.id)
        const [hash, tokenHash] = [bytes(), bytes()]
        await Promise.all([
          on.at(0).issueToken({ mailId: mail.id, hash, purpose: "reset", lifetimeMs: HOUR }),
          on.at(1).issueFlow({ mailId: flowMail.id, tokenHash, codeMac: bytes() }),
          on.at(1).revokeSessions({ accountId: owner.id, reason: "user", events: [] }),
        ])
        assert.equal(await on.store.findToken({ hash, purpose: "reset" }), undefined)
        assert.equal(await on.store.findMailFlowByToken(tokenHash), undefined)
      }))
  })

  describe("proofs of a mailbox", () => {
    for (const by of ["link", "code"] as const) {
      it(`sign in once by the ${by}, known or not, and make one account`, () =>
        many(async () => {
          for (const owner of [await on.account(), undefined]) {
            const email = owner?.email ?? address()
            const sent = await on.sentFlow(email, owner?.id ?? null)
            const proof = by === "link" ? { tokenHash: sent.tokenHash } : { codeMacs: [sent.codeMac] }
            const results = await on.atOnce(12, (store) => on.complete(store, sent.flow, proof))
            assert.deepEqual(kindsOf(results), { started: 1, refused: 11 })
            const { id = "" } = (await on.store.findAccountByEmail(email)) ?? {}
            assert.equal((await on.store.listSessions(id)).length, 1)
          }
        }))
    }

    it("count every try of a code, and three at most", () =>
      many(async () => {
        const owner = await on.account()
        const { flow, codeMac } = await on.sentFlow(owner.email, owner.id)
        const results = await on.atOnce(12, (store) => on.complete(store, flow, { codeMacs: [bytes()] }))
        const left = results.map((result) => (result.kind === "refused" ? result.triesLeft : -1)).sort()
        assert.deepEqual(left, [...Array.from({ length: 10 }, () => 0), 1, 2])
        assert.equal((await on.complete(on.store, flow, { codeMacs: [codeMac] })).kind, "refused")
      }))

    it("find the right code among wrong ones only as one of the first three tries", () =>
      many(async () => {
        const owner = await on.account()
        const { flow, codeMac } = await on.sentFlow(owner.email, owner.id)
        const results = await on.atOnce(9, (store, index) =>
          on.complete(store, flow, { codeMacs: [index === 4 ? codeMac : bytes()] }),
        )
        // Wrong tries before it say how many were left; those after it find nothing.
        const counted = results.filter((each) => each.kind === "refused" && each.triesLeft > 0).length
        const started = results.filter(({ kind }) => kind === "started").length
        assert.ok(started === 0 ? counted === 2 : counted <= 2, JSON.stringify({ started, counted }))
        assert.equal((await on.store.listSessions(owner.id)).length, started)
      }))

    it("let one change of address be under way, and finish it once", () =>
      many(async () => {
        const owner = await on.account()
        const begin = async (old: () => string) => {
          const pairs = Array.from({ length: 6 }, () => [
            on.flowFor(old(), owner.id, "email-change-old"),
            on.flowFor(address(), owner.id, "email-change-new"),
          ])
          await on.atOnce(6, (store, index) => on.start(store, pairs[index] ?? []))
          const live = await Promise.all(
            pairs.flat().map(({ id: flowId, secretHash }) => on.store.findMailFlow({ flowId, secretHash })),
          )
          assert.equal(live.filter((flow) => flow !== undefined).length, 2)
        }
        // Also when what they take for the old address is not the same.
        await begin(address)
        await begin(() => owner.email)
        const under = await on.store.findEmailChange(owner.id)
        assert.ok(under !== undefined)
        const finish = await prepareChange(on, owner.id, under)
        const results = await on.atOnce(6, finish)
        assert.deepEqual(kindsOf(results), { changed: 1, refused: 5 })
        assert.equal((await on.store.findAccount(owner.id))?.email, under.new.email)
      }))

    it("give an address to one account, whoever moves there or registers there at that moment", () =>
      many(async () => {
        for (const rival of ["admin", "mail", "link", "identity", "change"] as const) {
          const [owner, other] = [await on.account(), await on.account()]
          const email = address()
          const pairs = [owner, other].map((each) => [
            on.flowFor(each.email, each.id, "email-change-old"),
            on.flowFor(email, each.id, "email-change-new"),
          ])
          const finishes: ((store: Store) => Promise<{ kind: string }>)[] = []
          for (const [index, each] of [owner, other].entries()) {
            await on.start(on.store, pairs[index] ?? [])
            const under = await on.store.findEmailChange(each.id)
            assert.ok(under !== undefined)
            finishes.push(await prepareChange(on, each.id, under))
          }
          const { hash } = await on.token(email, "register")
          const sent = await on.sentFlow(email, null)
          const created = { id: newId(), email, passwordHash: "x", roles: [], verified: true, events: [] }
          const rivals: Record<typeof rival, (store: Store) => Promise<{ kind: string }>> = {
            admin: (store) => store.createAccount(created),
            mail: (store) => on.register(store, hash),
            link: (store) => on.complete(store, sent.flow, { tokenHash: sent.tokenHash }),
            identity: (store) => on.create(store, email),
            change: (store) => finishes[1]?.(store) ?? Promise.reject(),
          }
          const [changed, theirs] = await Promise.all([finishes[0]?.(on.at(0)), rivals[rival](on.at(1))])
          const holder = await on.store.findAccountByEmail(email)
          const moved = (await on.store.findAccount(owner.id))?.email === email
          assert.equal(changed?.kind === "changed", moved, `${rival}: ${changed?.kind}`)
          assert.equal(holder?.id === owner.id, moved, rival)
          const won = ["created", "started", "changed"].includes(theirs.kind)
          assert.equal(won, !moved, `${rival}: ${theirs.kind} against ${changed?.kind}`)
        }
      }))
  })

  describe("identities", () => {
    it("redeem a state once", () =>
      many(async () => {
        const state = { hash: bytes(), lifetimeMs: HOUR }
        const results = await on.atOnce(32, (store) => store.redeemState(state))
        assert.equal(results.filter(({ fresh }) => fresh).length, 1)
      }))

    it("belong to one account, however many link or create at once", () =>
      many(async () => {
        const owners = [await on.account(), await on.account()]
        const identity = newIdentity()
        const results = await on.atOnce(12, async (store, index) => {
          const owner = owners[(index >> 1) % 2]?.id ?? ""
          if (index < 8) return { owner, ...(await on.link(store, owner, { ...identity, id: newId() })) }
          const email = address()
          const made = await on.create(store, email, { ...identity, id: newId() })
          const left = await store.findAccountByEmail(email)
          assert.equal(left !== undefined, made.kind === "started", "half an account")
          return { owner: left?.id ?? "", kind: made.kind }
        })
        const holder = (await on.store.findIdentity(identity))?.accountId
        const won = results.filter(({ kind }) => kind === "linked" || kind === "started")
        assert.ok(won.length > 0 && won.every(({ owner }) => owner === holder))
        for (const { id } of owners) {
          assert.equal((await on.store.listIdentities(id)).length, id === holder ? 1 : 0)
          assert.equal(await on.eventsOf(id, "identity.linked"), id === holder ? 1 : 0)
        }
      }))

    it("make one account of one address, and none are left over", () =>
      many(async () => {
        const email = address()
        const identities = Array.from({ length: 8 }, newIdentity)
        const results = await on.atOnce<{ kind: string }>(8, (store, index) =>
          index % 4 === 3
            ? store.createAccount({
                id: newId(),
                email,
                passwordHash: null,
                roles: [],
                verified: true,
                events: [],
              })
            : on.create(store, email, identities[index] ?? newIdentity()),
        )
        const kinds = kindsOf(results)
        assert.equal((kinds.started ?? 0) + (kinds.created ?? 0), 1, JSON.stringify(kinds))
        const { id = "" } = (await on.store.findAccountByEmail(email)) ?? {}
        const found = await Promise.all(identities.map((each) => on.store.findIdentity(each)))
        const left = found.filter((each) => each !== undefined)
        assert.deepEqual(
          left.map(({ accountId }) => accountId),
          kinds.started === 1 ? [id] : [],
        )
      }))

    it("keep the last way in", () =>
      many(async () => {
        const owner = await on.account({ password: null })
        const identities = [newIdentity(), newIdentity(), newIdentity()]
        for (const each of identities) await on.link(on.store, owner.id, each)
        const results = await on.atOnce(6, (store, index) =>
          store.unlinkIdentity({
            accountId: owner.id,
            identityId: identities[index % 3]?.id ?? "",
            mailIsWayIn: false,
            events: [],
            mail: mailTo(owner.email, { purpose: "identity-unlinked", accountId: owner.id }),
          }),
        )
        assert.equal(kindsOf(results).unlinked, 2)
        assert.equal((await on.store.listIdentities(owner.id)).length, 1)
      }))
  })

  describe("an account that ends", () => {
    for (const end of ["deleteAccount", "setDisabled"] as const) {
      it(`has no session left of any sign-in at that moment: ${end}`, () =>
        many(async () => {
          const owner = await on.account()
          const identity = newIdentity()
          await on.link(on.store, owner.id, identity)
          const sent = await on.sentFlow(owner.email, owner.id)
          const invited = await on.account({ password: null, verified: false })
          const { hash } = await on.token(invited.email, "register", invited.id)
          const forgetful = await on.account()
          const forgotten = await on.token(forgetful.email, "reset", forgetful.id)
          const moving = await on.account()
          const moved = address()
          await on.start(on.store, [
            on.flowFor(moving.email, moving.id, "email-change-old"),
            on.flowFor(moved, moving.id, "email-change-new"),
          ])
          const under = await on.store.findEmailChange(moving.id)
          assert.ok(under !== undefined)
          const finish = await prepareChange(on, moving.id, under)
          const stop = (store: Store, accountId: string) =>
            end === "deleteAccount"
              ? store.deleteAccount({ accountId, events: [] })
              : store.setDisabled({ accountId, disabled: true, events: [] })
          await Promise.all([
            on.atOnce(3, (store) => on.byIdentity(store, identity)),
            on.complete(on.at(1), sent.flow, { tokenHash: sent.tokenHash }),
            on.register(on.at(0), hash),
            on.link(on.at(1), owner.id, newIdentity()),
            on.reset(on.at(0), forgotten.hash),
            stop(on.at(1), forgetful.id),
            stop(on.at(0), owner.id),
            stop(on.at(1), invited.id),
            finish(on.at(0)),
            stop(on.at(1), moving.id),
          ])
          if (end === "deleteAccount") {
            for (const email of [moving.email, moved])
              assert.equal(await on.store.findAccountByEmail(email), undefined)
            const mails = await on.store.claimMail({ limit: 10_000, leaseMs: HOUR })
            const gone = [owner, invited, forgetful, moving].map(({ id }) => id)
            const told = mails.filter(({ accountId }) => gone.includes(accountId ?? ""))
            assert.deepEqual(told, [], "mails to whom was deleted")
          }
          for (const { id, email } of [owner, invited, forgetful]) {
            assert.deepEqual(await on.store.listSessions(id), [])
            const left = await on.store.findAccountByEmail(email)
            if (end === "deleteAccount") {
              assert.equal(left, undefined)
              assert.deepEqual(await on.store.listIdentities(id), [])
            } else assert.ok(left?.disabledAt)
          }
          assert.equal((await on.byIdentity(on.store, identity)).kind, "refused")
        }))
    }
  })

  describe("the outbox", () => {
    it("takes no more than a recipient's limit, by both ways together", () =>
      many(async () => {
        const email = address()
        const limits = { ...MANY, perRecipientHour: 3 }
        await on.atOnce(20, (store, index) =>
          index < 10
            ? store.enqueueMail({ ...mailTo(email), limits, limitedEvent: LIMITED })
            : on.start(store, [on.flowFor(email, null)], limits),
        )
        const mails = await on.store.claimMail({ limit: 10_000, leaseMs: HOUR })
        // A link counts against a budget of its own.
        const count = (purpose: MailPurpose) =>
          mails.filter((mail) => mail.email === email && mail.purpose === purpose).length
        assert.deepEqual([count("register"), count("email-link")], [3, 3])
      }))

    it("gives every mail to one of many claimers, and decoys to none", () =>
      many(async () => {
        const prefix = newId().toLowerCase()
        await on.atOnce(60, (store, index) =>
          store.enqueueMail({
            ...mailTo(`${prefix}-${index}@example.com`, { decoy: index % 6 === 0 }),
            limits: MANY,
            limitedEvent: LIMITED,
          }),
        )
        const seen: string[] = []
        await on.atOnce(8, async (store) => {
          for (;;) {
            const mails = await store.claimMail({ limit: 3, leaseMs: HOUR })
            for (const mail of mails) seen.push(mail.email)
            if (mails.length === 0) return
          }
        })
        const mine = seen.filter((email) => email.startsWith(prefix))
        assert.equal(mine.length, 50)
        assert.equal(new Set(mine).size, 50)
      }))
  })

  it("wait for one another in one direction: the server had to end none of them", async () => {
    // A connection tells its counts at its end, if not before.
    await Promise.all(stores.map((store) => store.close()))
    const [counted] = await ask(
      url(),
      "SELECT deadlocks::int AS n, xact_commit::int AS ended FROM pg_stat_database WHERE datname = current_database()",
    )
    assert.ok(Number(counted?.ended) > 1_000)
    assert.equal(counted?.n, 0)
  })
})

withDatabase("postgres: the limit on all mails", (url) => {
  it("is reached exactly, far from it and near it, by however many at once", async (t) => {
    const stores = [await openPostgres({ url: url() }), await openPostgres({ url: url() })] as const
    const on = tools(stores)
    try {
      // Above what the server's connections may hold unseen: the first ones pass together, the last one by one.
      const limits = { ...MANY, totalHour: 240 }
      const began = performance.now()
      // As many at once as there are connections; more would only wait for one.
      await on.atOnce(20, async (store, index) => {
        for (let time = 0; time < 16; time++) {
          if (index % 4 === 0) await on.start(store, [on.flowFor(address(), null)], limits)
          else await store.enqueueMail({ ...mailTo(address()), limits, limitedEvent: LIMITED })
        }
      })
      t.diagnostic(`320 mails in ${(performance.now() - began).toFixed(0)} ms`)
      assert.equal((await on.store.claimMail({ limit: 10_000, leaseMs: HOUR })).length, 240)
      // Decoys have as many of their own.
      const decoy = mailTo(address(), { decoy: true })
      await on.store.enqueueMail({ ...decoy, limits, limitedEvent: LIMITED })
      const told = (await on.store.listEvents({ limit: 100 })).filter(({ type }) => type === "mail.limited")
      assert.equal(
        told.reduce((sum, { count }) => sum + count, 0),
        80,
      )
    } finally {
      await Promise.all(stores.map((store) => store.close()))
    }
  })
})

type Tools = ReturnType<typeof tools>

/** Gives both halves of a change their codes. @returns what types them */
async function prepareChange(
  on: Tools,
  accountId: string,
  under: NonNullable<Awaited<ReturnType<Store["findEmailChange"]>>>,
) {
  const macs = { old: bytes(), new: bytes() }
  const mails = await on.store.claimMail({ limit: 10_000, leaseMs: HOUR })
  for (const half of ["old", "new"] as const) {
    const mail = mails.find(({ flowId }) => flowId === under[half].id)
    assert.ok(mail, "the mail is not in the outbox")
    const input = { mailId: mail.id, tokenHash: bytes(), codeMac: macs[half] }
    assert.ok((await on.store.issueFlow(input)).issued)
  }
  return (store: Store) =>
    store.completeEmailChange({
      accountId,
      old: { flowId: under.old.id, codeMacs: [macs.old] },
      new: { flowId: under.new.id, codeMacs: [macs.new] },
      exceptSession: newId(),
      events: [{ type: "email.changed", accountId }],
      mails: (was, is) => [was, is].map((email) => mailTo(email, { purpose: "email-changed", accountId })),
    })
}
