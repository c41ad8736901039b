import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Fixture, HOUR, LIMITED, LIMITS, mailTo } from "./fixture.ts"

export function earlierCopy(fixture: Fixture): void {
  const { signedIn, presentation, issue } = fixture

  describe("a copy from earlier", () => {
    it("has a lower counter of the same lineage", async () => {
      const first = await fixture.store.readMark()
      const raised = await fixture.store.raiseMark()
      assert.deepEqual(raised, { lineage: first.lineage, counter: first.counter + 1 })
      assert.deepEqual(await fixture.store.readMark(), raised)
      const other = await fixture.openAnother()
      assert.notEqual((await other.readMark()).lineage, first.lineage)
      await other.close()
    })

    it("starts anew: no session, token, flow or mail of it is left, and no access token is accepted", async () => {
      const { account: whose, session, stored } = await signedIn()
      const hash = await issue(whose.email, "reset", "reset", whose.id)
      const notice = mailTo(whose.email, { purpose: "reset", accountId: whose.id })
      await fixture.store.enqueueMail({ ...notice, limits: LIMITS, limitedEvent: LIMITED })
      const before = await fixture.store.readMark()
      assert.equal((await fixture.store.readRevocations({ withinMs: HOUR })).notBefore, 0)

      const { mark, sessions } = await fixture.store.startAnew({
        above: before.counter + 41,
        events: [{ type: "store.restored" }],
      })
      assert.ok(sessions >= 1)
      assert.deepEqual(mark, { lineage: before.lineage, counter: before.counter + 42 })
      assert.equal(await fixture.store.findSession(stored.id), undefined)
      assert.equal((await fixture.store.presentRefresh(presentation(session))).verdict, "unknown")
      assert.equal(await fixture.store.findToken({ hash, purpose: "reset" }), undefined)
      assert.deepEqual(await fixture.store.claimMail({ limit: 100, leaseMs: 60_000 }), [])
      const { notBefore, now: readAt } = await fixture.store.readRevocations({ withinMs: HOUR })
      assert.ok(notBefore > 0 && notBefore <= readAt && readAt - notBefore < 60_000)
      assert.equal((await fixture.store.listEvents({ limit: 1 }))[0]?.type, "store.restored")
      assert.deepEqual(
        await fixture.store.findAccount(whose.id),
        await fixture.store.findAccountByEmail(whose.email),
      )
      // It is never lower than it was.
      const again = await fixture.store.startAnew({ above: 0, events: [] })
      assert.equal(again.mark.counter, mark.counter + 1)
    })
  })
}
