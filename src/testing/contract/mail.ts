import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { NewMail } from "../../store/store.ts"
import { bytes, type Fixture, HOUR, LIMITED, LIMITS, mailTo, newAddress } from "./fixture.ts"

export function mail(fixture: Fixture): void {
  const { account, eventsOf } = fixture

  describe("mail", () => {
    it("is limited per recipient, decoys included, and an event tells it", async () => {
      const email = newAddress()
      const limitedEvent = { type: "mail.limited", addressPrefix: email } as const
      const enqueue = (decoy: boolean) =>
        fixture.store.enqueueMail({ ...mailTo(email, { decoy }), limits: LIMITS, limitedEvent })
      for (const decoy of [false, true, false, false]) await enqueue(decoy)
      const claimed = (await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })).filter(
        (mail) => mail.email === email,
      )
      assert.equal(claimed.length, 2)
      assert.equal(
        (await fixture.store.listEvents({ limit: 500 })).filter(
          ({ addressPrefix }) => addressPrefix === email,
        ).length,
        1,
      )
      fixture.now += HOUR + 1
      await enqueue(false)
      assert.equal(
        (await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })).filter(
          (mail) => mail.email === email && mail.attempts === 1,
        ).length,
        1,
      )
    })
    it("is limited for a day and in total; decoys use up only a total of their own", async () => {
      const claimed = async (limits: typeof LIMITS, mails: readonly NewMail[]): Promise<number> => {
        for (const mail of mails) await fixture.store.enqueueMail({ ...mail, limits, limitedEvent: LIMITED })
        return (await fixture.store.claimMail({ limit: 100, leaseMs: 100 * HOUR })).length
      }
      // What other tests left behind.
      fixture.now += HOUR + 1
      await claimed(LIMITS, [])
      const email = newAddress()
      const none = { ...LIMITS, totalHour: 1_000_000 }
      const three = Array.from({ length: 3 }, () => mailTo(email))
      const counts: number[] = []
      for (let hours = 0; hours < 5; hours++) {
        fixture.now += HOUR + 1
        counts.push(await claimed(none, three))
      }
      assert.deepEqual(counts, [3, 3, 3, 1, 0])
      fixture.now += 24 * HOUR
      assert.equal(await claimed(none, three), 3)
      fixture.now += HOUR + 1
      const some = { ...LIMITS, totalHour: 4 }
      const many = (decoy: boolean) => Array.from({ length: 6 }, () => mailTo(newAddress(), { decoy }))
      assert.equal(await claimed(some, many(true)), 0)
      assert.equal(await claimed(some, many(false)), 4)
    })
    it("is told as limited in one row a minute for each network", async () => {
      fixture.now += HOUR + 1
      const email = newAddress()
      for (let time = 0; time < 8; time++)
        await fixture.store.enqueueMail({
          ...mailTo(email),
          limits: LIMITS,
          limitedEvent: { type: "mail.limited", addressPrefix: "198.51.100.0/24" },
        })
      const told = (await fixture.store.listEvents({ limit: 100 })).filter(
        ({ addressPrefix, at }) => addressPrefix === "198.51.100.0/24" && at === fixture.now,
      )
      assert.deepEqual(
        told.map(({ type, count }) => [type, count]),
        [["mail.limited", 5]],
      )
    })
    it("is claimed by one sender at a time and comes again when that one died", async () => {
      const email = newAddress()
      await fixture.store.enqueueMail({
        ...mailTo(email),
        limits: LIMITS,
        limitedEvent: LIMITED,
      })
      const claim = async () =>
        (await fixture.store.claimMail({ limit: 100, leaseMs: 60_000 })).find((mail) => mail.email === email)
      const [first, second] = await Promise.all([claim(), claim()])
      assert.ok((first === undefined) !== (second === undefined))
      assert.equal(await claim(), undefined)
      fixture.now += 60_001
      const again = await claim()
      assert.equal(again?.attempts, 2)
      await fixture.store.finishMail(again?.id ?? 0)
      fixture.now += 60_001
      assert.equal(await claim(), undefined)
      assert.deepEqual(
        await fixture.store.issueToken({
          mailId: again?.id ?? 0,
          hash: bytes(),
          purpose: "register",
          lifetimeMs: HOUR,
        }),
        { issued: false },
      )
    })
    it("is not sent to whom was deleted, not even about safety", async () => {
      const owner = await account()
      const mail = mailTo(owner.email, { purpose: "deletion-asked", accountId: owner.id })
      await fixture.store.scheduleDeletion({ accountId: owner.id, delayMs: 0, events: [], mail })
      await fixture.store.deleteAccount({ accountId: owner.id, events: [] })
      const claimed = await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
      assert.ok(!claimed.some(({ accountId, email }) => accountId === owner.id || email === owner.email))
    })
    it("is tried again after its wait, or given up with an event", async () => {
      const owner = await account()
      await fixture.store.enqueueMail({
        ...mailTo(owner.email, { accountId: owner.id }),
        limits: LIMITS,
        limitedEvent: LIMITED,
      })
      const claim = async () =>
        (await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })).find(
          (mail) => mail.email === owner.email,
        )
      const mail = await claim()
      assert.ok(mail)
      await fixture.store.retryMail({ mailId: mail.id, delayMs: 5_000 })
      assert.equal(await claim(), undefined)
      fixture.now += 5_000
      assert.equal((await claim())?.attempts, 2)
      await fixture.store.retryMail({ mailId: mail.id, giveUp: { type: "mail.failed", accountId: owner.id } })
      fixture.now += 2 * HOUR
      assert.equal(await claim(), undefined)
      assert.deepEqual(await eventsOf(owner.id), ["mail.failed"])
    })
  })
}
