import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { RevocationPage } from "../../store/store.ts"
import { type Fixture, HOUR, newSession } from "./fixture.ts"

export function signingIn(fixture: Fixture): void {
  const { account, signedIn, eventsOf } = fixture

  describe("signing in", () => {
    it("starts a session only for the hash that was verified", async () => {
      const owner = await account()
      const events = [{ type: "session.started", accountId: owner.id }] as const
      const refused = await fixture.store.startSession({
        accountId: owner.id,
        verifiedHash: "older",
        session: newSession(),
        events,
      })
      assert.equal(refused.kind, "refused")
      assert.deepEqual([await eventsOf(owner.id), await fixture.store.listSessions(owner.id)], [[], []])
    })
    it("sets failures to 0, keeps a stronger hash and ends the session it replaces", async () => {
      const { account: owner, session: old } = await signedIn()
      const failure = {
        accountId: owner.id,
        event: { type: "login.failed", accountId: owner.id },
        closesAt: 2,
        closedEvent: { type: "login.closed", accountId: owner.id },
      } as const
      await fixture.store.countFailure(failure)
      const session = newSession()
      const result = await fixture.store.startSession({
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
        (await fixture.store.listSessions(owner.id)).map(({ id }) => id),
        [session.id],
      )
      assert.equal((await fixture.store.findSession(old.id))?.reason, "replaced")
    })
    it("counts failures in one row a minute, and tells once when they close the password", async () => {
      const owner = await account()
      const told = { accountId: owner.id, addressPrefix: "192.0.2.0/24" }
      for (let time = 0; time < 5; time++) {
        await fixture.store.countFailure({
          accountId: owner.id,
          event: { type: "login.failed", ...told },
          closesAt: 3,
          closedEvent: { type: "login.closed", ...told },
        })
      }
      assert.equal((await fixture.store.findAccount(owner.id))?.failures, 5)
      const events = await fixture.store.listEvents({ accountId: owner.id, limit: 10 })
      assert.deepEqual(events.map(({ type, count }) => `${type} ${count}`).sort(), [
        "login.closed 1",
        "login.failed 5",
      ])
    })
    it("bounds the rows of failures, whoever attacks from wherever", async () => {
      fixture.now += 120_000
      const one = (index: number) =>
        fixture.store.countFailure({
          accountId: undefined,
          event: { type: "login.failed", addressPrefix: `${index}` },
          closesAt: 100,
          closedEvent: { type: "login.closed" },
        })
      for (let from = 0; from < 1_300; from += 100)
        await Promise.all(Array.from({ length: 100 }, (_, index) => one(from + index)))
      const events = (await fixture.store.listEvents({ limit: 2_000 })).filter(
        ({ at, type }) => at === fixture.now && type === "login.failed",
      )
      // A thousand, one for all others, and what was under way when the last place was taken.
      assert.ok(events.length <= 1_100, String(events.length))
      assert.equal(
        events.reduce((sum, { count }) => sum + count, 0),
        1_300,
      )
    })
  })
}

export function endingSessions(fixture: Fixture): void {
  const { account, signedIn, issue, feedOf, eventsOf } = fixture

  describe("ending sessions", () => {
    it("ends only the owner's, and tells only what it ended", async () => {
      const { account: owner, session } = await signedIn()
      const other = await account()
      const input = {
        sessionId: session.id,
        reason: "user",
        events: [{ type: "session.ended_by_user", sessionId: session.id }],
      } as const
      assert.deepEqual(await fixture.store.revokeSession({ ...input, accountId: other.id }), {
        revoked: false,
      })
      assert.deepEqual(await fixture.store.revokeSession({ ...input, accountId: owner.id }), {
        revoked: true,
      })
      assert.deepEqual(await fixture.store.revokeSession({ ...input, accountId: owner.id }), {
        revoked: false,
      })
      assert.deepEqual(await eventsOf(owner.id), ["session.ended_by_user"])
    })
    it("ends all but one, with the outstanding links", async () => {
      const { account: owner, session: kept } = await signedIn()
      const { session: ended } = await signedIn(newSession(), owner)
      const token = await issue(owner.email, "reset", "reset", owner.id)
      const result = await fixture.store.revokeSessions({
        accountId: owner.id,
        except: kept.id,
        reason: "user",
        events: [],
      })
      assert.deepEqual(result.revoked, [ended.id])
      assert.deepEqual(
        (await fixture.store.listSessions(owner.id)).map(({ id }) => id),
        [kept.id],
      )
      assert.equal(await fixture.store.findToken({ hash: token, purpose: "reset" }), undefined)
    })
    it("is told by the feed after a cursor, and without one while it is young enough", async () => {
      const { session } = await signedIn()
      const isTold = ({ sessions }: RevocationPage) =>
        sessions.some(({ sessionId }) => sessionId === session.id)
      const before = await feedOf()
      assert.ok(!isTold(before))
      await fixture.store.revokeSession({ sessionId: session.id, reason: "logout", events: [] })
      const revokedAt = fixture.now
      fixture.now += 1_000
      const after = await feedOf(before.cursor)
      assert.ok(isTold(after))
      assert.equal(after.sessions.find(({ sessionId }) => sessionId === session.id)?.revokedAt, revokedAt)
      assert.equal(after.now, fixture.now)
      fixture.now += HOUR
      assert.ok(!isTold(await feedOf()))
      assert.ok(isTold(await fixture.store.readRevocations({ withinMs: 2 * HOUR })))
    })
    it("is told by the feed although the store's clock went back", async () => {
      const { session } = await signedIn()
      const { cursor } = await feedOf()
      fixture.now -= HOUR / 2
      await fixture.store.revokeSession({ sessionId: session.id, reason: "logout", events: [] })
      const page = await feedOf(cursor)
      assert.ok(page.sessions.some(({ sessionId }) => sessionId === session.id))
      fixture.now += HOUR / 2
    })
  })
}
