import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { type Fixture, HOUR, MINUTE } from "./fixture.ts"

export function rootSecrets(fixture: Fixture): void {
  describe("root secrets", () => {
    const told = { added: [{ type: "secret.added" }], removed: [{ type: "secret.removed" }] } as const
    const note = (instance: string, ...secrets: string[]) =>
      fixture.store.noteSecrets({ instance, address: `host, ${instance}`, secrets, ...told })
    const known = async () => (await fixture.store.listSecrets()).secrets.map(({ id }) => id).sort()
    const last = async () => (await fixture.store.listEvents({ limit: 1 }))[0]

    it("are known with their holders, since when, and until when each signed", async () => {
      const before = await last()
      await note("one", "old")
      assert.deepEqual(await last(), before, "what a database begins with is no change")
      const began = fixture.now
      fixture.now += MINUTE
      await note("one", "old", "young")
      assert.equal((await last())?.type, "secret.added")
      await note("two", "old")
      fixture.now += MINUTE
      await note("one", "young", "old")
      const { holders, secrets, now: at } = await fixture.store.listSecrets()
      assert.ok(at >= fixture.now)
      assert.deepEqual(secrets, [
        { id: "old", knownAt: began, signedAt: began + 2 * MINUTE },
        { id: "young", knownAt: began + MINUTE, signedAt: began + 2 * MINUTE },
      ])
      assert.deepEqual(holders, [
        { instance: "one", address: "host, one", secret: "young", place: 0, since: began + MINUTE },
        { instance: "one", address: "host, one", secret: "old", place: 1, since: began },
        { instance: "two", address: "host, two", secret: "old", place: 0, since: began + MINUTE },
      ])
    })

    it("that the last living process has dropped are told once", async () => {
      fixture.now += MINUTE
      assert.deepEqual((await note("one", "young")).removed, [], "two has the old one")
      const began = fixture.now
      // It was killed: nobody hears of it any more.
      fixture.now += 3 * MINUTE
      const { removed } = await note("one", "young")
      assert.deepEqual(
        removed.map(({ id, signedAt }) => [id, signedAt]),
        [["old", began - MINUTE]],
      )
      assert.equal((await last())?.type, "secret.removed")
      assert.deepEqual((await note("one", "young")).removed, [])
      assert.deepEqual(await known(), ["young"])
      await note("one", "young", "old")
      assert.deepEqual(await known(), ["old", "young"], "it came back")
      assert.equal(
        (await fixture.store.listSecrets()).secrets.find(({ id }) => id === "old")?.signedAt,
        began - MINUTE,
      )
    })

    it("of a process that says farewell are nobody's, and not removed while nobody else runs", async () => {
      await fixture.store.leaveSecrets("one")
      const { holders, secrets } = await fixture.store.listSecrets()
      assert.deepEqual([holders, secrets.length], [[], 2])
      assert.deepEqual((await note("three", "young", "old")).removed, [])
      await fixture.store.leaveSecrets("three")
      assert.deepEqual((await note("four", "new")).removed.map(({ id }) => id).sort(), ["old", "young"])
      await fixture.store.leaveSecrets("four")
    })

    it("are forgotten when no session can be of them", async () => {
      fixture.now += 401 * 24 * HOUR
      await note("five", "new")
      assert.deepEqual(await known(), ["new"])
      await note("five", "old", "new")
      const again = (await fixture.store.listSecrets()).secrets.find(({ id }) => id === "old")
      assert.ok((again?.knownAt ?? 0) > fixture.now - HOUR, "it is met for the first time")
      await fixture.store.leaveSecrets("five")
    })

    it("may be told by many processes at once", async () => {
      const additions = async () =>
        (await fixture.store.listEvents({ limit: 200 })).filter(({ type }) => type === "secret.added").length
      const before = await additions()
      const all = Array.from({ length: 12 }, (_, index) => note(`crowd ${index}`, "new", "newer"))
      await Promise.all(all)
      assert.equal((await fixture.store.listSecrets()).holders.length, 24)
      for (let index = 0; index < 12; index++) await fixture.store.leaveSecrets(`crowd ${index}`)
      assert.equal(await additions(), before + 1)
    })
  })
}
