import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Fixture, HOUR, newId, newSession } from "./fixture.ts"

export function accounts(fixture: Fixture): void {
  const { account, signedIn, presentation, issue, feedOf, eventsOf } = fixture

  describe("accounts", () => {
    it("of another system come in batches: what is there already stays as it is", async () => {
      const known = await account()
      const [first, second] = [newId(), newId()]
      const foreign = await fixture.store.countForeignHashes()
      const imported = (id: string, email: string) => ({
        id,
        email,
        passwordHash: "$2b$10$something",
        roles: ["editor"],
        verified: true,
        disabled: false,
        createdAt: fixture.now - HOUR,
        events: [{ type: "account.created", accountId: id }] as const,
      })
      const later = { disabled: true, verified: false, passwordHash: null, createdAt: fixture.now + HOUR }
      const answers = await fixture.store.importAccounts([
        imported(first, `${first}@example.com`),
        imported(newId(), known.email),
        imported(newId(), `${first}@example.com`),
        { ...imported(second, `${second}@example.com`), ...later },
      ])
      assert.deepEqual(answers, ["created", "taken", "taken", "created"])
      assert.deepEqual(await fixture.store.findAccount(known.id), known)
      assert.deepEqual(await fixture.store.findAccount(first), {
        ...known,
        id: first,
        email: `${first}@example.com`,
        passwordHash: "$2b$10$something",
        roles: ["editor"],
        createdAt: fixture.now - HOUR,
      })
      const other = await fixture.store.findAccount(second)
      assert.deepEqual(
        [other?.passwordHash, other?.verifiedAt, other?.disabledAt, other?.createdAt],
        [null, null, fixture.now, fixture.now],
      )
      assert.deepEqual(await eventsOf(first), ["account.created"])
      assert.deepEqual(await eventsOf(known.id), [])
      assert.equal(await fixture.store.countForeignHashes(), foreign + 1)
      assert.deepEqual(await fixture.store.importAccounts([]), [])
    })

    it("with a hash of another system are counted until it is renewed", async () => {
      const foreign = await fixture.store.countForeignHashes()
      const mine = await account({ password: "$2b$10$else" })
      await account({ password: null })
      const argon2 = "$argon2id$v=19$m=19456,t=2,p=1$salt$hash"
      await account({ password: argon2 })
      assert.equal(await fixture.store.countForeignHashes(), foreign + 1)
      const sign = { accountId: mine.id, session: newSession(), events: [] }
      await fixture.store.startSession({ ...sign, verifiedHash: "$2b$10$else", rehashed: argon2 })
      assert.equal(await fixture.store.countForeignHashes(), foreign)
    })

    it("are found by id and by address, and an address is taken once", async () => {
      const made = await account()
      assert.deepEqual(await fixture.store.findAccount(made.id), made)
      assert.deepEqual(await fixture.store.findAccountByEmail(made.email), made)
      const again = {
        id: newId(),
        email: made.email,
        passwordHash: "x",
        roles: [],
        verified: true,
        events: [{ type: "account.created", accountId: made.id } as const],
      }
      assert.equal((await fixture.store.createAccount(again)).kind, "taken")
      assert.deepEqual(await eventsOf(made.id), [])
      for (const id of ["", "x", "!".repeat(22), newId()])
        assert.equal(await fixture.store.findAccount(id), undefined)
    })
    it("are listed in pages", async () => {
      const all = [await account(), await account(), await account()].map(({ id }) => id)
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await fixture.store.listAccounts({ limit: 2, ...(after === undefined ? {} : { after }) })
        seen.push(...page.map(({ id }) => id))
        after = page.at(-1)?.id
        if (page.length < 2) break
      }
      assert.equal(new Set(seen).size, seen.length)
      for (const id of all) assert.ok(seen.includes(id))
    })
    it("raise their epoch with their roles, which the feed tells", async () => {
      const made = await account()
      const { cursor } = await fixture.store.readRevocations({ withinMs: HOUR })
      const changed = await fixture.store.setRoles({
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
          await fixture.store.setRoles({
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
            ? await fixture.store.setDisabled({ accountId: owner.id, disabled: true, events })
            : await fixture.store.deleteAccount({ accountId: owner.id, events })
        assert.ok(result.kind === "changed")
        assert.deepEqual(result.revoked, [session.id])
        assert.equal((await fixture.store.presentRefresh(presentation(session))).verdict, "ended")
        assert.equal(await fixture.store.findToken({ hash: token, purpose: "reset" }), undefined)
        assert.ok((await feedOf()).sessions.some(({ sessionId }) => sessionId === session.id))
        assert.deepEqual(await eventsOf(owner.id), [type])
        assert.equal(
          (
            await fixture.store.startSession({
              accountId: owner.id,
              verifiedHash: "hash",
              session: newSession(),
              events: [],
            })
          ).kind,
          "refused",
        )
        assert.equal(
          (await fixture.store.findAccountByEmail(owner.email)) === undefined,
          verb === "deleteAccount",
        )
      })
    }
  })
}

export function deletionByOwner(fixture: Fixture): void {
  const { account } = fixture

  describe("deletion by the owner", () => {
    it("waits, can be taken back, and is told when its time has come", async () => {
      const owner = await account()
      const schedule = (delayMs: number | null) =>
        fixture.store.scheduleDeletion({
          accountId: owner.id,
          delayMs,
          events: [{ type: "account.deletion_asked", accountId: owner.id }],
        })
      const due = async () => (await fixture.store.listDueDeletions(100)).map(({ id }) => id)
      const asked = await schedule(HOUR)
      assert.ok(asked.kind === "changed" && asked.account.deletionAt === fixture.now + HOUR)
      assert.ok(!(await due()).includes(owner.id))
      fixture.now += HOUR
      assert.ok((await due()).includes(owner.id))
      await schedule(null)
      assert.ok(!(await due()).includes(owner.id))
      const unknown = await fixture.store.scheduleDeletion({ accountId: newId(), delayMs: 0, events: [] })
      assert.equal(unknown.kind, "unknown")
    })
  })
}
