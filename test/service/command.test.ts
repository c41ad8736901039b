/** The commands beside a service, each run to its end as a process. */
import assert from "node:assert/strict"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { command, openFolder } from "./process.ts"

const PASSWORD = "violet kettle ninety moss"
const EMAIL = "someone@example.com"

describe("a command", () => {
  const folder = openFolder()
  before(async () => {
    const made = await command(folder.path, ["user", "create", EMAIL, "--password-stdin"], `${PASSWORD}\n`)
    assert.equal(made.code, 0, made.error)
  })
  after(() => folder.remove())

  for (const [words, input, code, message] of [
    [["user", "create", EMAIL], "", 2, /--password-stdin/],
    [["user", "create", "no address", "--password-stdin"], `${PASSWORD}\n`, 1, /not a mail address/],
    [["user", "create", "a@example.com", "--password-stdin"], "short\n", 1, /15/],
    [["user", "create", "a@example.com", "--password-stdin"], "passwordpassword\n", 1, /./],
    [["user", "delete", "nobody@example.com"], "", 1, /no account/],
    [["user", "roles", "nobody@example.com", "--role", "not a role"], "", 1, /error: a role is a letter/],
    [["user", "roles", "nobody@example.com"], "", 1, /error: there is no account/],
    [["user", "roles", EMAIL, "--none", "--role", "x"], "", 2, /contradict/],
    [["user", "roles", EMAIL, "admin"], "", 2, /a word too many/],
    [["usr"], "", 2, /user/],
    [["--bogus"], "", 2, /^error: there is no option "--bogus"/],
    [["user", "--bogus"], "", 2, /^error: there is no option "--bogus"/],
    [["help", "frobnicate"], "", 2, /^error: there is no command/],
  ] as const) {
    it(`refuses ${words.join(" ")} with a sentence`, async () => {
      const ran = await command(folder.path, words, input)
      assert.equal(ran.code, code, ran.error)
      assert.match(ran.error, message)
      assert.doesNotMatch(ran.error, /\bat .*\.ts:\d+|passwordpassword/)
      assert.equal(ran.out, "")
    })
  }

  it("plans a migration without making a file", async () => {
    const planned = await command(folder.path, ["migrate", "--plan", "--database", "planned.db"])
    assert.match(planned.out, /planned\.db has no schema yet\.\n-- To 1:\n[\s\S]+CREATE TABLE session/)
    assert.doesNotMatch(planned.out, /older program|may run beside/)
    assert.ok(!readdirSync(folder.path).includes("planned.db"))
    assert.match((await command(folder.path, ["migrate", "--plan"])).out, /nothing to do/)
  })

  it("shows which words may be left out", async () => {
    assert.match(
      (await command(folder.path, ["backup", "--help"])).out,
      /nightlatch backup \[FILE\] \[options\]/,
    )
    assert.match(
      (await command(folder.path, ["user", "import", "--help"])).out,
      /user import FILE \[options\]/,
    )
  })

  it("ends without a word when nobody reads on", async () => {
    const ran = await command(folder.path, ["migrate", "--roles"], "", {}, (child) => child.stdout?.destroy())
    assert.equal(ran.code, 0, ran.error)
    assert.equal(ran.error, "")
  })

  it("says whose each event is", async () => {
    const run = (...words: string[]) => command(folder.path, words)
    assert.match((await run("events")).out, new RegExp(`  ${EMAIL}  Account created`))
    await run("user", "invite", "leaver@example.com")
    assert.match((await run("events")).out, /leaver@example\.com {2}Invitation sent/)
    await run("user", "delete", "leaver@example.com")
    const { out } = await run("events")
    assert.match(out, / {2}deleted account \S{8} {2}Account deleted/)
    assert.doesNotMatch(out, /leaver/)
  })

  it("gives each command its help", async () => {
    for (const words of [[], ["serve"], ["user"], ["user", "create"], ["secret"], ["migrate"], ["events"]]) {
      const { code, out } = await command(folder.path, [...words, "--help"])
      assert.equal(code, 0)
      assert.match(out, /USAGE/)
    }
    assert.match((await command(folder.path, ["help", "user", "create"])).out, /nightlatch user create EMAIL/)
    assert.match((await command(folder.path, ["help"])).out, /nightlatch <command>/)
    assert.match((await command(folder.path, ["--version"])).out, /^\d+\.\d+\.\d+\n$/)
    const secret = await command(folder.path, ["secret"])
    assert.match(secret.out, /^nl_secret_\S{43}\n$/)
    assert.equal((await command(folder.path, ["migrate"])).code, 0)
  })

  it("makes no database where a command only looks", async () => {
    const other = openFolder()
    const path = join(other.path, "no", "x.db")
    for (const words of [["user", "list"], ["events"], ["user", "disable", EMAIL]]) {
      const ran = await command(other.path, [...words, "--database", path])
      assert.equal(ran.code, 2)
      assert.match(ran.error, /--database: there is no database .*x\.db/)
    }
    assert.equal((await command(other.path, ["user", "list"])).code, 2)
    assert.deepEqual(readdirSync(other.path), [])
    assert.equal((await command(other.path, ["user", "invite", EMAIL, "--database", path])).code, 0)
    assert.match((await command(other.path, ["user", "list", "--database", path])).out, /invited/)
    other.remove()
  })

  it("names the file that is no database, and leaves it as it is", async () => {
    const other = openFolder()
    const path = join(other.path, "notes.txt")
    writeFileSync(path, "a host name\n", { mode: 0o644 })
    for (const words of [["migrate"], ["user", "list"], ["serve", "--port", "0"]]) {
      const ran = await command(other.path, [...words, "--database", path])
      assert.equal(ran.code, 2)
      assert.match(ran.error, /notes\.txt: it is not an SQLite database/)
      assert.doesNotMatch(ran.error, /chmod/)
    }
    assert.equal(readFileSync(path, "utf8"), "a host name\n")
    const broken = join(other.path, "broken.db")
    writeFileSync(broken, `SQLite format 3\0${"x".repeat(4096)}`, { mode: 0o600 })
    const ran = await command(other.path, ["migrate", "--database", broken])
    assert.equal(ran.code, 1)
    assert.match(ran.error, /the database failed: file is not a database/)
    other.remove()
  })
})
