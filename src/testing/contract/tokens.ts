import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { MailPurpose, NewSession, TokenPurpose } from "../../store/store.ts"
import { type Fixture, HOUR, mailTo, newAddress, newId, newSession } from "./fixture.ts"

export function oneTimeTokens(fixture: Fixture): void {
  const { account, signedIn, issue, eventsOf } = fixture

  describe("one-time tokens", () => {
    it("are found and redeemed for their own purpose alone, and until they end", async () => {
      const owner = await account()
      const cases: readonly [TokenPurpose, MailPurpose][] = [
        ["register", "register"],
        ["reset", "reset"],
      ]
      for (const [purpose, mail] of cases) {
        const email = purpose === "reset" ? owner.email : newAddress()
        const hash = await issue(email, mail, purpose, purpose === "reset" ? owner.id : null)
        const wrong: TokenPurpose = purpose === "reset" ? "register" : "reset"
        assert.equal(await fixture.store.findToken({ hash, purpose: wrong }), undefined)
        assert.equal((await fixture.store.findToken({ hash, purpose }))?.email, email)
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
            ? await fixture.store.completeRegistration(asRegister)
            : await fixture.store.resetPassword(asReset)
        assert.equal(misused.kind, "refused")
        assert.ok(await fixture.store.findToken({ hash, purpose }), "a wrong purpose used the token up")
        fixture.now += HOUR
        assert.equal(await fixture.store.findToken({ hash, purpose }), undefined)
      }
    })
    it("reset: sets the password once", async () => {
      const owner = await account()
      const hash = await issue(owner.email, "reset", "reset", owner.id)
      const reset = (passwordHash: string) =>
        fixture.store.resetPassword({
          token: { hash, purpose: "reset" },
          passwordHash,
          events: () => [],
          mail: () => mailTo(owner.email),
        })
      const kinds = (await Promise.all(["one", "two", "three"].map(reset))).map(({ kind }) => kind)
      assert.deepEqual(kinds.filter((kind) => kind === "refused").length, 2)
      const { passwordHash } = (await fixture.store.findAccount(owner.id)) ?? {}
      assert.equal((await reset("later")).kind, "refused")
      assert.equal((await fixture.store.findAccount(owner.id))?.passwordHash, passwordHash)
    })
    it("register: one of many at once makes the account", async () => {
      const email = newAddress()
      const hash = await issue(email, "register", "register")
      const complete = () =>
        fixture.store.completeRegistration({
          token: { hash, purpose: "register" },
          newAccountId: newId(),
          passwordHash: "p",
          session: newSession(),
          events: (accountId) => [{ type: "account.created", accountId }],
        })
      const results = await Promise.all(Array.from({ length: 16 }, complete))
      assert.equal(results.filter(({ kind }) => kind === "started").length, 1)
      const made = await fixture.store.findAccountByEmail(email)
      assert.ok(made?.verifiedAt)
      assert.deepEqual(await eventsOf(made.id), ["account.created"])
    })
    it("register: completes an invitation, and never touches an account that has a password", async () => {
      const invited = await account({ password: null })
      const hash = await issue(invited.email, "invite", "register", invited.id)
      const complete = (token: Uint8Array) =>
        fixture.store.completeRegistration({
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
      assert.equal((await fixture.store.findAccount(settled.id))?.passwordHash, "hash")
    })
    it("reset: sets the password, ends all sessions and tells the person", async () => {
      const { account: owner, session } = await signedIn()
      const hash = await issue(owner.email, "reset", "reset", owner.id)
      const result = await fixture.store.resetPassword({
        token: { hash, purpose: "reset" },
        passwordHash: "new",
        events: (accountId) => [{ type: "password.reset", accountId }],
        mail: ({ email, id }) => mailTo(email, { purpose: "password-reset", accountId: id }),
      })
      assert.ok(result.kind === "reset")
      assert.deepEqual(result.revoked, [session.id])
      assert.equal((await fixture.store.findAccount(owner.id))?.passwordHash, "new")
      assert.ok(
        (await fixture.store.claimMail({ limit: 50, leaseMs: 1000 })).some(
          ({ purpose, email }) => purpose === "password-reset" && email === owner.email,
        ),
      )
    })
    it("a newer one of the same purpose ends the older", async () => {
      const owner = await account()
      const older = await issue(owner.email, "reset", "reset", owner.id)
      await issue(owner.email, "reset", "reset", owner.id)
      assert.equal(await fixture.store.findToken({ hash: older, purpose: "reset" }), undefined)
    })
    it("change: compares and swaps the old hash, ends all sessions, starts one", async () => {
      const { account: owner, session: old } = await signedIn()
      const change = (verifiedHash: string, session: NewSession) =>
        fixture.store.changePassword({
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
        (await fixture.store.listSessions(owner.id)).map(({ id }) => id),
        [sessions[won]?.id],
      )
    })
  })
}
