import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytes, type Fixture, HOUR, LIMITED, LIMITS, mailTo, newId, newSession } from "./fixture.ts"

export function refreshing(fixture: Fixture): void {
  const { signedIn, presentation, eventsOf } = fixture

  describe("refreshing", () => {
    it("rotates once, however often it is asked at the same time", async () => {
      const { session } = await signedIn()
      const results = await Promise.all(
        Array.from({ length: 64 }, () => fixture.store.presentRefresh(presentation(session))),
      )
      const verdicts = results.map(({ verdict }) => verdict)
      assert.equal(verdicts.filter((verdict) => verdict === "rotated").length, 1)
      assert.equal(verdicts.filter((verdict) => verdict === "retry").length, 63)
      assert.equal((await fixture.store.findSession(session.id))?.generation, 2)
    })
    it("moves the idle end, never the absolute end or the time of the sign-in", async () => {
      const { session, stored } = await signedIn()
      fixture.now += 60_000
      const result = await fixture.store.presentRefresh(presentation(session))
      assert.ok(result.verdict === "rotated")
      assert.equal(result.session.absoluteEnd, stored.absoluteEnd)
      assert.equal(result.session.authenticatedAt, stored.authenticatedAt)
      assert.equal(result.session.idleEnd, fixture.now + HOUR)
    })
    it("says late parent, reuse, rollback, ended and unknown, and revokes with the event in the same step", async () => {
      const late = await signedIn()
      const first = presentation(late.session)
      await fixture.store.presentRefresh(first)
      fixture.now += 10_001
      assert.equal((await fixture.store.presentRefresh(presentation(late.session))).verdict, "late-parent")
      assert.deepEqual(await eventsOf(late.account.id), ["session.parent_late"])
      assert.equal((await fixture.store.presentRefresh(presentation(late.session))).verdict, "ended")
      const stolen = await signedIn()
      const second = presentation(stolen.session)
      await fixture.store.presentRefresh(second)
      fixture.now += 16_001
      await fixture.store.presentRefresh(
        presentation(stolen.session, { generation: 2, hash: second.nextHash }),
      )
      assert.equal((await fixture.store.presentRefresh(presentation(stolen.session))).verdict, "reuse")
      assert.deepEqual(await eventsOf(stolen.account.id), ["session.reuse"])
      const restored = await signedIn()
      assert.equal(
        (await fixture.store.presentRefresh(presentation(restored.session, { generation: 7 }))).verdict,
        "rollback",
      )
      const bearer = await signedIn()
      assert.equal(
        (await fixture.store.presentRefresh(presentation(bearer.session, { transport: "bearer" }))).verdict,
        "unknown",
      )
      assert.equal((await fixture.store.presentRefresh(presentation(newSession()))).verdict, "unknown")
      const idle = await signedIn()
      fixture.now += HOUR
      assert.equal((await fixture.store.presentRefresh(presentation(idle.session))).verdict, "ended")
    })
    it("tells the person in the step that revokes, whatever was mailed before; a rollback tells nobody", async () => {
      for (const verdict of ["reuse", "late-parent", "rollback"] as const) {
        const { account: owner, session } = await signedIn()
        for (let time = 0; time < 12; time++)
          await fixture.store.enqueueMail({ ...mailTo(owner.email), limits: LIMITS, limitedEvent: LIMITED })
        await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
        if (verdict !== "rollback") {
          await fixture.store.presentRefresh(presentation(session, { nextHash: session.salt }))
          fixture.now += 16_001
        }
        if (verdict === "reuse") {
          const second = { generation: 2, hash: session.salt }
          assert.equal((await fixture.store.presentRefresh(presentation(session, second))).verdict, "rotated")
        }
        const change = verdict === "rollback" ? { generation: 7 } : {}
        for (const expected of [verdict, "ended"])
          assert.equal((await fixture.store.presentRefresh(presentation(session, change))).verdict, expected)
        const mails = (await fixture.store.claimMail({ limit: 100, leaseMs: HOUR }))
          .filter(({ email }) => email === owner.email)
          .map(({ purpose, accountId }) => [purpose, accountId])
        const told = [["signed-out-for-safety", owner.id]]
        assert.deepEqual(mails, verdict === "rollback" ? [] : told, verdict)
      }
    })
    it("fails, and does not decide, when its clock has gone back", async () => {
      const { session } = await signedIn()
      fixture.now -= 61_000
      await assert.rejects(fixture.store.presentRefresh(presentation(session)), { name: "UnavailableError" })
      fixture.now += 61_000
      assert.equal((await fixture.store.presentRefresh(presentation(session))).verdict, "rotated")
    })
  })
}

export function lookingAtRefresh(fixture: Fixture): void {
  const { account, presentation } = fixture

  describe("a look at a refresh token", () => {
    it("says what a refresh would, and writes nothing", async () => {
      const owner = await account()
      const session = newSession()
      await fixture.store.startTrustedSession({ accountId: owner.id, session, events: [] })
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
        fixture.store.presentRefresh(presentation(session, { generation, hash, ...next }))
      const steps: readonly [number, Uint8Array, number, string][] = [
        [1, session.hash, 0, "rotated"],
        [2, next.nextHash, 0, "coalesced"],
        [1, session.hash, 0, "retry"],
        [1, session.hash, 10_001, "late-parent"],
        [2, next.nextHash, 0, "ended"],
      ]
      for (const [generation, hash, wait, verdict] of steps) {
        fixture.now += wait
        const before = await fixture.store.findSession(session.id)
        for (let time = 0; time < 2; time++) {
          const peeked = await fixture.store.peekRefresh(question(generation, hash))
          assert.equal(peeked.verdict, verdict)
          assert.equal(
            "session" in peeked && peeked.account.id === owner.id,
            /ed$|retry/.test(verdict) && verdict !== "ended",
          )
        }
        assert.deepEqual(await fixture.store.findSession(session.id), before)
        assert.equal((await present(generation, hash)).verdict, verdict)
      }
      assert.equal(
        (await fixture.store.peekRefresh({ ...question(1, bytes()), sessionId: newId() })).verdict,
        "unknown",
      )
      assert.equal(
        (await fixture.store.peekRefresh({ ...question(1, session.hash), transport: "bearer" })).verdict,
        "unknown",
      )
    })
  })
}
