import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytes, type Fixture, HOUR, LIMITED, mailTo, newAddress, newId, newSession } from "./fixture.ts"
import { type Ask, ask, FLOW_LIMITS, flowFor, mailFor } from "./mail-flows.ts"

export function emailChange(fixture: Fixture): void {
  const { account, signedIn } = fixture

  describe("a change of address", () => {
    async function begin() {
      const owner = await account()
      const after = newAddress()
      const asked = (email: string, purpose: "email-change-old" | "email-change-new"): Ask => ({
        email,
        accountId: owner.id,
        purpose,
        mail: purpose,
      })
      const old = asked(owner.email, "email-change-old")
      const changed = asked(after, "email-change-new")
      const flows = [flowFor(old), flowFor(changed)] as const
      await fixture.store.startMailFlow({
        flows,
        mails: [mailFor(old, flows[0].id), mailFor(changed, flows[1].id)],
        limits: FLOW_LIMITS,
        limitedEvent: LIMITED,
        events: [{ type: "email.change_asked", accountId: owner.id }],
      })
      const mails = await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
      const codes: Buffer[] = []
      for (const flow of flows) {
        const mail = mails.find(({ flowId }) => flowId === flow.id)
        const codeMac = bytes()
        assert.ok(
          (await fixture.store.issueFlow({ mailId: mail?.id ?? 0, tokenHash: bytes(), codeMac })).issued,
        )
        codes.push(codeMac)
      }
      const finish = (oldMac: Buffer | undefined, newMac: Buffer | undefined, accountId = owner.id) =>
        fixture.store.completeEmailChange({
          accountId,
          old: { flowId: flows[0].id, codeMacs: [oldMac ?? bytes()] },
          new: { flowId: flows[1].id, codeMacs: [newMac ?? bytes()] },
          exceptSession: newId(),
          events: [{ type: "email.changed", accountId }],
          mails: (was, is) =>
            [was, is].map((email) => mailTo(email, { purpose: "email-changed", accountId })),
        })
      return { owner, after, codes, flows, finish }
    }

    it("needs both codes, ends sessions and tells both addresses", async () => {
      const { owner, after, codes, flows, finish } = await begin()
      const { session } = await signedIn(newSession(), owner)
      assert.deepEqual(
        Object.values((await fixture.store.findEmailChange(owner.id)) ?? {}).map(({ id }) => id),
        flows.map(({ id }) => id),
      )
      const result = await finish(codes[0], codes[1])
      assert.ok(result.kind === "changed" && result.account.email === after)
      assert.deepEqual(result.revoked, [session.id])
      assert.equal((await fixture.store.findAccountByEmail(after))?.id, owner.id)
      assert.equal(await fixture.store.findAccountByEmail(owner.email), undefined)
      const told = (await fixture.store.claimMail({ limit: 100, leaseMs: HOUR }))
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
      assert.equal((await fixture.store.findAccount(owner.id))?.email, owner.email)
    })
    it("is the account's own, and not possible any more when the address was taken", async () => {
      const stolen = await begin()
      const thief = await account()
      assert.equal((await stolen.finish(stolen.codes[0], stolen.codes[1], thief.id)).kind, "refused")
      const late = await begin()
      await account({ email: late.after })
      assert.equal((await late.finish(late.codes[0], late.codes[1])).kind, "taken")
      assert.equal((await fixture.store.findAccount(late.owner.id))?.email, late.owner.email)
    })
    it("ends when another one is asked for", async () => {
      const { owner, finish, codes } = await begin()
      const purpose = "email-change-old"
      await ask(fixture, { email: owner.email, accountId: owner.id, purpose, mail: purpose })
      assert.equal(await fixture.store.findEmailChange(owner.id), undefined)
      assert.equal((await finish(codes[0], codes[1])).kind, "refused")
    })
  })
}
