/** Backups and restores as an operator makes them: by command, around a real service. */
import assert from "node:assert/strict"
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it } from "node:test"
import { setTimeout } from "node:timers/promises"
import { codeOf, DATABASE, NEW, OLD, openService } from "./operated.ts"
import { cookiesOf, killAll } from "./process.ts"

after(killAll)

describe("backup and restore", () => {
  const it1 = openService()
  let first = ""
  let second = ""
  before(async () => {
    await it1.start()
    for (const name of ["ada", "bob", "eve", "ina"]) await it1.create(name)
    await it1.create("dan", "--role", "admin", "--role", "editor")
    first = await it1.signIn("ada")
  })
  after(async () => {
    await it1.stop()
    it1.remove()
  })

  it("copies a whole moment beside a service that writes, into a private file of its own", async () => {
    let busy = true
    const load = (async () => {
      while (busy) await it1.login("nobody")
    })()
    const ran = await it1.run("backup copy.db")
    busy = false
    await load
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /^copy\.db: 5 accounts, \d+ bytes, checked\.$/m)
    if (process.platform !== "win32") assert.equal(statSync(it1.path("copy.db")).mode & 0o777, 0o600)
    assert.deepEqual(
      readdirSync(it1.folder).filter((name) => name.startsWith("copy")),
      ["copy.db"],
    )
  })

  it("says where no file can be made", async () => {
    const ran = await it1.run("backup copy.db/below/x.db")
    assert.equal(ran.code, 2, ran.error)
    assert.match(ran.error, /no file can be made in it \(ENOTDIR\) \[backup\.folder\]/)
    assert.doesNotMatch(ran.error, /\bat .*\.ts:\d+/)
  })

  it("never writes over a file, and without a name makes one with the time in it", async () => {
    const text = readFileSync(it1.path("copy.db"))
    const again = await it1.run("backup copy.db")
    assert.equal(again.code, 2)
    assert.match(again.error, /copy\.db: there is a file already/)
    assert.deepEqual(readFileSync(it1.path("copy.db")), text)
    assert.equal((await it1.run("backup")).code, 0)
    const [made = ""] = readdirSync(it1.path("data/backup"))
    assert.match(made, /^nightlatch-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.db$/)
    if (process.platform !== "win32") assert.equal(statSync(it1.path("data/backup")).mode & 0o777, 0o700)
  })

  it("does not restore while the service runs", async () => {
    for (const line of ["restore copy.db", "restore --acknowledge"]) {
      const ran = await it1.run(line)
      assert.equal(ran.code, 2, line)
      assert.match(ran.error, /another Nightlatch service runs on this file/)
    }
    assert.equal((await it1.me(first)).status, 200)
  })

  it("brings back accounts, and nothing that was taken away since", async () => {
    const changed = await it1.changePassword(first)
    assert.equal(changed.status, 200, changed.text)
    second = cookiesOf(changed)
    await it1.run("user disable bob@example.com")
    await it1.run("user delete eve@example.com")
    await it1.run("user roles dan@example.com --role editor --role late")
    await it1.create("new")
    assert.equal((await it1.me(second)).status, 200)
    await it1.stop()

    const ran = await it1.run("restore copy.db")
    assert.equal(ran.code, 0, ran.error)
    const told = [
      /^Restored from copy\.db\. \d+ sessions? ha(?:s|ve) ended/m,
      /^What was there is kept: data\/nightlatch\.db\.before-restore-/m,
      /^ {2}eve@example\.com: deleted since/m,
      /^ {2}bob@example\.com: disabled since/m,
      /^ {2}ada@example\.com: has another password since/m,
      /^ {2}dan@example\.com: lost roles since/m,
      /^ {2}new@example\.com: made since/m,
    ]
    for (const line of told) assert.match(ran.out, line)
    assert.doesNotMatch(ran.out, /ina@example/)
    // An access token tells its time in whole seconds, so one of the restore's own second is refused.
    await setTimeout(1_000)

    await it1.start()
    // Neither token of either session, though both access tokens are good for minutes more.
    for (const cookie of [first, second]) {
      assert.equal((await it1.me(cookie)).status, 401)
      assert.equal(codeOf(await it1.refresh(cookie)), "session.ended")
    }
    for (const [name, password] of [
      ["ada", OLD],
      ["ada", NEW],
      ["bob", OLD],
      ["eve", OLD],
      ["new", OLD],
    ] as const) {
      assert.equal((await it1.login(name, password)).status, 401, `${name} ${password}`)
    }
    const dan = await it1.me(await it1.signIn("dan"))
    assert.deepEqual(JSON.parse(dan.text).roles, ["editor"])
    assert.equal((await it1.me(await it1.signIn("ina"))).status, 200)
    const events = await it1.events()
    assert.match(events, /"type":"store\.restored"/)
    assert.doesNotMatch(events, /session\.reuse|session\.parent_late/)
  })

  it("sends whoever has no password any more through the reset", async () => {
    const raw = new DatabaseSync(it1.path(DATABASE), { readOnly: true })
    const row = raw.prepare("SELECT * FROM account WHERE email = 'ada@example.com'").get()
    raw.close()
    assert.equal(row?.password_hash, null)
    assert.ok(row?.verified_at !== null && row?.disabled_at === null)
  })

  it("restores where the database is lost, and says what nobody knows any more", async () => {
    await it1.stop()
    for (const end of ["", "-wal", "-shm"]) rmSync(it1.path(DATABASE + end), { force: true })
    const ran = await it1.run("restore copy.db")
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /Nothing could be carried over/)
    assert.doesNotMatch(ran.out, /is kept/)
    await it1.start()
    assert.equal((await it1.login("bob")).status, 200)
    assert.equal((await it1.me(second)).status, 401)
  })

  it("keeps a damaged database beside, and compares with none", async () => {
    await it1.stop()
    const bytes = readFileSync(it1.path(DATABASE))
    bytes.fill(0x7f, 4096, bytes.length)
    writeFileSync(it1.path(DATABASE), bytes)
    const ran = await it1.run("restore copy.db")
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /is kept: [\s\S]*Nothing could be carried over/)
    await it1.start()
    assert.equal((await it1.login("bob")).status, 200)
  })

  it("compares with no other database", async () => {
    await it1.stop()
    const other = openService()
    await other.create("zoe")
    copyFileSync(other.path(DATABASE), it1.path(DATABASE))
    other.remove()
    const ran = await it1.run("restore copy.db")
    assert.match(ran.out, /Nothing could be carried over/)
    const { out } = await it1.run("user list")
    assert.match(out, /bob@example\.com/)
    await it1.start()
  })

  it("refuses what is no backup, and leaves the database as it is", async () => {
    await it1.stop()
    writeFileSync(it1.path("text.db"), "no database")
    const foreign = new DatabaseSync(it1.path("foreign.db"))
    foreign.exec("CREATE TABLE a (b)")
    foreign.close()
    copyFileSync(it1.path("copy.db"), it1.path("newer.db"))
    const newer = new DatabaseSync(it1.path("newer.db"))
    newer.exec("PRAGMA user_version = 99")
    newer.close()
    writeFileSync(it1.path("dump.db"), "PGDMP\x01\x0e")
    const bytes = readFileSync(it1.path("copy.db"))
    writeFileSync(it1.path("half.db"), bytes.subarray(0, 4096 * 9))
    bytes.fill(0x7f, 4096 * 3, bytes.length - 4096)
    writeFileSync(it1.path("damaged.db"), bytes)
    const before = readdirSync(it1.path("data")).sort()
    for (const [file, message] of [
      ["none.db", /there is no such file \[backup\.unreadable\]/],
      ["data", /it is a folder \[backup\.unreadable\]/],
      ["text.db", /\[backup\.not_a_backup\]/],
      ["dump.db", /a backup of a PostgreSQL.*\[backup\.other_engine\]/],
      ["foreign.db", /not one of Nightlatch/],
      ["newer.db", /written by a newer Nightlatch/],
      ["damaged.db", /damaged or cut off \[store\.damaged\]/],
      ["half.db", /damaged or cut off \[store\.damaged\]/],
    ] as const) {
      const ran = await it1.run(`restore ${file}`)
      assert.equal(ran.code, 2, file)
      assert.match(ran.error, message, file)
      assert.match(ran.error, /^There is a fault:[\s\S]*→ /, file)
      assert.doesNotMatch(ran.error, /\bat .*\.ts:\d+/, file)
    }
    assert.deepEqual(readdirSync(it1.path("data")).sort(), before)
    for (const line of ["restore", "restore copy.db --acknowledge"])
      assert.equal((await it1.run(line)).code, 2)
    await it1.start()
    assert.equal((await it1.login("bob")).status, 200)
  })
})
