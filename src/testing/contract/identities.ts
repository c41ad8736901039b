import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { NewIdentity } from "../../store/store.ts"
import { bytes, type Fixture, MINUTE, mailTo, newAddress, newId, newSession } from "./fixture.ts"

function newIdentity(change: Partial<NewIdentity> = {}): NewIdentity {
  const issuer = "https://id.example.com"
  return { id: newId(), issuer, subject: newId(), provider: "example", email: null, tokens: null, ...change }
}

export function identities(fixture: Fixture): void {
  const { account, signedIn, eventsOf } = fixture

  describe("identities", () => {
    const events = (accountId: string) => [{ type: "session.started", accountId } as const]
    const signIn = (identity: NewIdentity) =>
      fixture.store.signInByIdentity({
        issuer: identity.issuer,
        subject: identity.subject,
        tokens: null,
        session: newSession(),
        events,
      })
    const link = (accountId: string, identity: NewIdentity) =>
      fixture.store.linkIdentity({
        accountId,
        identity,
        events: [{ type: "identity.linked", accountId }],
        mail: mailTo(newAddress(), { purpose: "identity-linked", accountId, about: "X" }),
      })
    const unlink = (accountId: string, identityId: string, mailIsWayIn: boolean) =>
      fixture.store.unlinkIdentity({
        accountId,
        identityId,
        mailIsWayIn,
        events: [{ type: "identity.unlinked", accountId }],
        mail: mailTo(newAddress(), { purpose: "identity-unlinked", accountId, about: "X" }),
      })

    it("are known by issuer and subject together", async () => {
      const owner = await account()
      const identity = newIdentity({ email: "shown@example.com" })
      assert.equal((await signIn(identity)).kind, "refused")
      assert.equal((await link(owner.id, identity)).kind, "linked")
      const found = await fixture.store.findIdentity(identity)
      assert.equal(found?.accountId, owner.id)
      assert.equal(found?.email, "shown@example.com")
      for (const other of [{ issuer: "https://evil.example.com" }, { subject: newId() }])
        assert.equal(await fixture.store.findIdentity({ ...identity, ...other }), undefined)
      assert.equal(await fixture.store.findTokens(identity.id), undefined)
      fixture.now += MINUTE
      const started = await signIn(identity)
      assert.ok(started.kind === "started" && started.account.id === owner.id)
      assert.equal((await fixture.store.listIdentities(owner.id))[0]?.lastUsedAt, fixture.now)
    })
    it("keep sealed tokens, the newest, until the identity goes", async () => {
      const owner = await account()
      const tokens = bytes()
      const identity = newIdentity({ tokens })
      await link(owner.id, identity)
      assert.deepEqual(Buffer.from((await fixture.store.findTokens(identity.id)) ?? []), tokens)
      const newer = bytes()
      const { issuer, subject } = identity
      await fixture.store.signInByIdentity({ issuer, subject, tokens: newer, session: newSession(), events })
      assert.deepEqual(Buffer.from((await fixture.store.findTokens(identity.id)) ?? []), newer)
      await unlink(owner.id, identity.id, true)
      assert.equal(await fixture.store.findTokens(identity.id), undefined)
      assert.ok((await eventsOf(owner.id)).includes("identity.unlinked"))
    })
    it("make an account once, however often at the same time, and never over an existing address", async () => {
      const identity = newIdentity()
      const email = newAddress()
      const create = (made: NewIdentity, at: string) =>
        fixture.store.createByIdentity({
          identity: made,
          newAccountId: newId(),
          email: at,
          session: newSession(),
          events,
        })
      const results = await Promise.all(Array.from({ length: 8 }, () => create(identity, email)))
      assert.equal(results.filter(({ kind }) => kind === "started").length, 1)
      assert.equal((await create(newIdentity(), email)).kind, "refused")
      assert.equal((await create(identity, newAddress())).kind, "refused")
      assert.equal((await fixture.store.findAccountByEmail(email))?.verifiedAt, fixture.now)
    })
    it("belong to one account", async () => {
      const [a, b] = [await account(), await account()]
      const identity = newIdentity()
      const results = await Promise.all([link(a.id, identity), link(b.id, identity), link(a.id, identity)])
      // Either may be first; the same account may link it again.
      const holder = (await fixture.store.findIdentity(identity))?.accountId
      assert.deepEqual(
        results.map(({ kind }) => kind),
        [a, b, a].map(({ id }) => (id === holder ? "linked" : "taken")),
      )
      for (const { id } of [a, b]) {
        assert.equal((await fixture.store.listIdentities(id)).length, id === holder ? 1 : 0)
        assert.deepEqual(await eventsOf(id), id === holder ? ["identity.linked"] : [])
      }
      assert.equal((await link(newId(), newIdentity())).kind, "unknown")
    })
    it("end the session that a sign-in replaces", async () => {
      const owner = await account()
      const identity = newIdentity()
      await link(owner.id, identity)
      const { issuer, subject } = identity
      const { session: first } = await signedIn(newSession(), owner)
      const session = newSession()
      const about = { tokens: null, session, events, replaces: first.id }
      assert.equal((await fixture.store.signInByIdentity({ issuer, subject, ...about })).kind, "started")
      assert.deepEqual(
        (await fixture.store.listSessions(owner.id)).map(({ id }) => id),
        [session.id],
      )
      const made = await fixture.store.createByIdentity({
        identity: newIdentity(),
        newAccountId: newId(),
        email: newAddress(),
        session: newSession(),
        events,
        replaces: session.id,
      })
      assert.equal(made.kind, "started")
      assert.deepEqual(await fixture.store.listSessions(owner.id), [])
    })
    it("do not sign in to a disabled account, and go with a deleted one", async () => {
      const owner = await account()
      const identity = newIdentity()
      await link(owner.id, identity)
      const change = { accountId: owner.id, events: [] }
      await fixture.store.setDisabled({ ...change, disabled: true })
      assert.equal((await signIn(identity)).kind, "refused")
      await fixture.store.deleteAccount(change)
      assert.equal(await fixture.store.findIdentity(identity), undefined)
    })
    it("are not removed when they are the last way in", async () => {
      const owner = await account({ password: null, verified: true })
      const [first, second] = [newIdentity(), newIdentity()]
      await link(owner.id, first)
      assert.equal((await unlink(owner.id, first.id, false)).kind, "last")
      await link(owner.id, second)
      const results = await Promise.all([
        unlink(owner.id, first.id, false),
        unlink(owner.id, second.id, false),
      ])
      assert.deepEqual(results.map(({ kind }) => kind).sort(), ["last", "unlinked"])
      const [left] = await fixture.store.listIdentities(owner.id)
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
      const results = await Promise.all([fixture.store.redeemState(state), fixture.store.redeemState(state)])
      assert.deepEqual(results.map(({ fresh }) => fresh).sort(), [false, true])
    })
  })
}
