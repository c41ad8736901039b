import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { generateSecret } from "../checklist/secret/index.ts"
import { MisuseError } from "../core/misuse.ts"
import { openSqlite } from "../store/sqlite/index.ts"
import type { Store } from "../store/store.ts"
import { compose, type Latch } from "./latch.ts"
import { readPolicies } from "./policy.ts"

describe("testing.signIn", () => {
  let latch: Latch
  let store: Store

  before(async () => {
    const policies = readPolicies({
      origin: "http://localhost:3000",
      secret: generateSecret(),
      database: ":memory:",
    })
    store = await openSqlite({ path: ":memory:" })
    latch = await compose(policies, store)
  })
  after(() => latch.close())

  const rolesOf = async (userId: string) => (await store.findAccount(userId))?.roles

  it("signs in the account that sign-in by this address would find, however it is written", async () => {
    const { userId } = await latch.testing.signIn({ email: "Someone@EXAMPLE.com" })
    assert.equal((await store.findAccount(userId))?.email, "someone@example.com")
    assert.equal((await latch.testing.signIn({ email: "someone@example.com" })).userId, userId)
    assert.equal((await latch.testing.signIn({ userId })).userId, userId)
  })

  it("gives the account exactly the roles that were asked for, an old one too", async () => {
    const { userId } = await latch.testing.signIn({ email: "roles@example.com", roles: ["reader"] })
    assert.deepEqual(await rolesOf(userId), ["reader"])
    await latch.testing.signIn({ email: "roles@example.com" })
    assert.deepEqual(await rolesOf(userId), ["reader"])
    const { accessToken } = await latch.testing.signIn({
      email: "roles@example.com",
      roles: ["admin", "reader"],
    })
    assert.deepEqual(await rolesOf(userId), ["admin", "reader"])
    const claims: unknown = JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString())
    assert.deepEqual((claims as { roles: string[] }).roles, ["admin", "reader"])
    const { epoch } = (await store.findAccount(userId)) ?? assert.fail()
    await latch.testing.signIn({ email: "roles@example.com", roles: ["reader", "admin"] })
    assert.equal((await store.findAccount(userId))?.epoch, epoch)
    await latch.testing.signIn({ email: "roles@example.com", roles: [] })
    assert.deepEqual(await rolesOf(userId), [])
  })

  const wrong: readonly [string, { userId: string } | { email: string }, string][] = [
    ["nobody's id", { userId: "AAAAAAAAAAAAAAAAAAAAAA" }, "testing.no_account"],
    ["no address", { email: "someone" }, "testing.email"],
    ["two addresses", { email: "a@example.com,b@example.com" }, "testing.email"],
  ]
  for (const [what, who, code] of wrong) {
    it(`is misuse with ${what}`, async () => {
      await assert.rejects(
        latch.testing.signIn(who),
        (error) => error instanceof MisuseError && error.faults[0]?.code === code,
      )
    })
  }

  it("is misuse with a disabled account", async () => {
    const { userId } = await latch.testing.signIn({ email: "disabled@example.com" })
    await store.setDisabled({ accountId: userId, disabled: true, events: [] })
    await assert.rejects(latch.testing.signIn({ email: "disabled@example.com" }), MisuseError)
  })
})
