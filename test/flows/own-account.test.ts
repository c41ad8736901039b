/** What people do to their own account: another address, all data, deletion with a waiting time. */
import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it } from "node:test"
import { openStage, PASSWORD, type Stage, signUp } from "./stage.ts"

const DAY = 86_400_000

describe("the own account", () => {
  let stage: Stage
  let number = 0
  const deleted: string[] = []
  const changed: string[] = []
  const email = () => `owner${number++}@example.com`

  before(async () => {
    const hooks = {
      accountDeleted: (account: { userId: string }) => void deleted.push(account.userId),
      accountChanged: (account: { email: string }) => void changed.push(account.email),
    }
    stage = await openStage({ hooks })
  })
  after(() => stage.close())

  it("changes its address with a code from the old and one from the new", async () => {
    const [before, next] = [email(), email()]
    const browser = await signUp(stage, before)
    const other = stage.browser()
    await other.post("/auth/login", { email: before, password: PASSWORD })
    assert.equal((await browser.post("/auth/account/email", { newEmail: before })).json.code, "email.same")
    assert.equal((await browser.post("/auth/account/email", { newEmail: next })).status, 202)
    const [oldCode, newCode] = [await stage.codeFor(before), await stage.codeFor(next)]
    const swapped = await browser.post("/auth/account/email/complete", { oldCode: newCode, newCode: oldCode })
    assert.equal(swapped.json.code, oldCode === newCode ? undefined : "email.codes_wrong")
    const done = await browser.post("/auth/account/email/complete", { oldCode, newCode })
    assert.deepEqual([done.status, done.json], [200, { email: next }])
    assert.equal((await browser.ask("/auth/account")).json.email, next)
    assert.equal((await other.ask("/auth/me")).status, 401)
    assert.equal(
      (await stage.browser().post("/auth/login", { email: before, password: PASSWORD })).status,
      401,
    )
    assert.equal((await stage.browser().post("/auth/login", { email: next, password: PASSWORD })).status, 200)
    assert.deepEqual(changed, [next])
  })

  it("does not tell the asker that an address is taken, but its holder", async () => {
    const [mine, theirs] = [email(), email()]
    await signUp(stage, theirs)
    const browser = await signUp(stage, mine)
    const answer = await browser.post("/auth/account/email", { newEmail: theirs })
    assert.deepEqual([answer.status, answer.json], [202, { sent: true }])
    const oldCode = await stage.codeFor(mine)
    const tried = await browser.post("/auth/account/email/complete", { oldCode, newCode: "123456" })
    assert.equal(tried.json.code, "email.codes_wrong")
    const mails = stage.latch.inbox?.list().filter(({ to }) => to === theirs) ?? []
    assert.ok(mails.some(({ subject }) => subject.startsWith("You already have an account")))
    assert.ok(mails.every(({ code }) => code === undefined))
  })

  it("asks for a recent sign-in before risky changes", async () => {
    const browser = await signUp(stage, email())
    await stage.tick(601_000)
    for (const [path, body] of [
      ["/auth/account/email", { newEmail: email() }],
      ["/auth/account/email/complete", { oldCode: "1", newCode: "2" }],
      ["/auth/account/delete", {}],
    ] as const) {
      const answer = await browser.post(path, body)
      assert.deepEqual([answer.status, answer.json.code], [403, "guard.recent_sign_in"], path)
    }
  })

  it("shows what happened and gives out everything that is kept, and no secret", async () => {
    const address = email()
    const browser = await signUp(stage, address)
    const events = await browser.ask("/auth/account/events")
    assert.ok((events.json.events as { text: string }[]).some(({ text }) => text.startsWith("Signed in")))
    const data = await browser.ask("/auth/account/export")
    assert.match(String(data.headers["content-disposition"]), /^attachment/)
    const { account, sessions } = data.json as { account: Record<string, unknown>; sessions: unknown[] }
    assert.deepEqual([account.email, account.hasPassword, sessions.length], [address, true, 1])
    assert.doesNotMatch(data.text, /argon2|passwordHash|nlr1_|eyJ/)
    const again = (await browser.ask("/auth/account/events")).json.events as { type: string }[]
    assert.equal(again[0]?.type, "account.exported")
    const page = await browser.ask("/auth/account/export", { headers: { "sec-fetch-dest": "document" } })
    assert.equal(page.status, 403)
  })

  it("is deleted after its waiting time, unless it is kept", async () => {
    const [leaving, staying] = [email(), email()]
    const [browser, other] = [await signUp(stage, leaving), await signUp(stage, staying)]
    for (const each of [browser, other]) {
      const answer = await each.post("/auth/account/delete", {})
      assert.equal(answer.status, 202)
      assert.match(String(answer.json.deletionAt), /^\d{4}-/)
    }
    assert.notEqual((await other.ask("/auth/account")).json.deletionAt, null)
    assert.equal((await other.post("/auth/account/keep", {})).status, 204)
    assert.equal((await other.ask("/auth/account")).json.deletionAt, null)
    assert.deepEqual(await stage.store.listDueDeletions(10), [])
    await stage.tick(7 * DAY)
    assert.deepEqual(
      (await stage.store.listDueDeletions(10)).map((account) => account.email),
      [leaving],
    )
  })

  it("is deleted by the running service, which tells the application", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "nightlatch-deletion-"))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const database = join(folder, "data", "nightlatch.db")
    const first = await openStage({ database })
    const browser = await signUp(first, "gone@example.com")
    await browser.post("/auth/password/forgot", { email: "gone@example.com" })
    for (let time = 0; time < 4; time++) await browser.post("/auth/register", { email: "gone@example.com" })
    await browser.post("/auth/email-link", { email: "gone@example.com" })
    assert.equal((await browser.post("/auth/account/delete", {})).status, 202)
    await first.close()
    assert.ok(cellsOf(database).some((cell) => cell === "gone@example.com"))
    const told: string[] = []
    const later = await openStage({
      database,
      clock: () => 1_800_000_000_000 + 7 * DAY,
      hooks: { accountDeleted: ({ email: address }) => void told.push(address ?? "") },
    })
    t.after(() => later.close())
    const patience = performance.now() + 10_000
    while (told.length === 0 && performance.now() < patience)
      await new Promise((resume) => setTimeout(resume, 10))
    assert.deepEqual(told, ["gone@example.com"])
    // A session that ended may stay for the feed; what says who and where does not.
    for (const cell of cellsOf(database)) assert.doesNotMatch(cell, /gone@example\.com|^127\.0\.0\.0\/24$/)
    const login = { email: "gone@example.com", password: PASSWORD }
    assert.equal((await later.browser().post("/auth/login", login)).status, 401)
  })
})

/** What every table but that of the events says, which keep what happened under the account's id. */
function cellsOf(database: string): string[] {
  const raw = new DatabaseSync(database, { readOnly: true })
  const tables = raw.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'event'").all()
  const cells = tables.flatMap(({ name }) =>
    raw
      .prepare(`SELECT * FROM "${String(name)}"`)
      .all()
      .flatMap((row) => Object.values(row).map(String)),
  )
  raw.close()
  return cells
}
