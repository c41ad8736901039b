import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { bytes, type Fixture, HOUR, MINUTE, newAddress, newId, newSession } from "./fixture.ts"
import { ask } from "./mail-flows.ts"

const RETENTION = { eventRetentionMs: 24 * HOUR, revocationRetentionMs: HOUR }

export function upkeep(fixture: Fixture): void {
  const { signedIn, eventsOf } = fixture

  describe("upkeep", () => {
    it("deletes what has outlived its retention and nothing younger", async () => {
      const { account: owner, session } = await signedIn()
      await fixture.store.revokeSession({
        sessionId: session.id,
        reason: "logout",
        events: [{ type: "session.signed_out" }],
      })
      const { session: live } = await signedIn(
        newSession({ idleMs: 400 * 24 * HOUR, absoluteMs: 400 * 24 * HOUR }),
        owner,
      )
      const purge = async () => {
        let after: string | undefined = ""
        for (let more = true; more; ) ({ more, after } = await fixture.store.purge({ ...RETENTION, after }))
      }
      await purge()
      assert.ok(await fixture.store.findSession(session.id))
      assert.deepEqual(await eventsOf(owner.id), ["session.signed_out"])
      fixture.now += 25 * HOUR
      await purge()
      assert.equal(await fixture.store.findSession(session.id), undefined)
      assert.ok(await fixture.store.findSession(live.id))
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
          return fixture.store.startTrustedSession({ accountId: owner.id, session, events: [] })
        })
        await Promise.all(batch)
      }
      fixture.now += 3 * HOUR
      assert.equal((await fixture.store.purge(RETENTION)).after, undefined)
      assert.ok(
        await fixture.store.findSession(ended[0] ?? ""),
        "without a place to begin none are looked at",
      )
      let calls = 0
      let after: string | undefined = ""
      for (let more = true; more; calls++)
        ({ more, after } = await fixture.store.purge({ ...RETENTION, after }))
      assert.ok(calls >= 2, `${calls} calls`)
      for (const id of ended) assert.equal(await fixture.store.findSession(id), undefined)
      const left = new Set((await fixture.store.listSessions(owner.id)).map(({ id }) => id))
      for (const id of live) assert.ok(left.has(id))
    })
    it("deletes tokens that have ended, and sent mails when no limit counts them", async () => {
      const email = newAddress()
      const ask = () => fixture.issue(email, "register", "register")
      await ask()
      await ask()
      const hash = await ask()
      assert.ok(await fixture.store.findToken({ hash, purpose: "register" }))
      await assert.rejects(ask(), "three mails an hour")
      fixture.now += 26 * HOUR
      while ((await fixture.store.purge(RETENTION)).more);
      fixture.now -= 26 * HOUR
      assert.equal(await fixture.store.findToken({ hash, purpose: "register" }), undefined)
      await ask()
    })
    it("answers a ping, and after the end every verb fails", async () => {
      await fixture.store.ping()
      const closed = await fixture.openAnother()
      await closed.close()
      await assert.rejects(closed.ping(), { name: "UnavailableError" })
      await assert.rejects(closed.findAccount(newId()), { name: "UnavailableError" })
    })
  })
}

export function upkeepOfFlows(fixture: Fixture): void {
  const { account, eventsOf } = fixture

  describe("upkeep", () => {
    it("deletes flows and states that have ended, and events that were recorded stay", async () => {
      const flow = await ask(fixture, { email: newAddress() })
      const owner = await account()
      await fixture.store.recordEvents([{ type: "account.exported", accountId: owner.id }])
      assert.deepEqual(await eventsOf(owner.id), ["account.exported"])
      for (let time = 0; time < 3; time++)
        await fixture.store.countEvent({ type: "oauth.refused", addressPrefix: "198.51.100.0/24" })
      const refused = (await fixture.store.listEvents({ limit: 100 })).filter(
        ({ type }) => type === "oauth.refused",
      )
      assert.deepEqual(
        refused.map(({ count }) => count),
        [3],
      )
      const state = { hash: bytes(), lifetimeMs: MINUTE }
      await fixture.store.redeemState(state)
      fixture.now += HOUR
      while ((await fixture.store.purge(RETENTION)).more);
      // Where they had not ended, they would be found.
      fixture.now -= HOUR
      assert.equal(
        await fixture.store.findMailFlow({ flowId: flow.id, secretHash: flow.secretHash }),
        undefined,
      )
      assert.deepEqual(await fixture.store.redeemState(state), { fresh: true })
    })
  })
}
