/** From SQLite to PostgreSQL and from one moment to another, as an operator does it: sessions go on, and nothing is lost. */
import assert from "node:assert/strict"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { delimiter } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, before, it } from "node:test"
import { Checksum, plainRow } from "../../src/store/move/checksum.ts"
import { TABLES } from "../../src/store/move/tables.ts"
import { ask as administer, createDatabase, type Database, withServer } from "../store/postgres-server.ts"
import { codeOf, DATABASE, openService } from "./operated.ts"
import { cookiesOf, killAll } from "./process.ts"

after(killAll)

it("a checksum is the same in any order, and another for any change", () => {
  const table = TABLES.find(({ name }) => name === "event")
  assert.ok(table)
  const rows = [1, 2, 3].map((id) => ({ id, at: 5, type: "x", detail: '{"b":1,"a":[true,null]}', count: 1 }))
  const sum = (list: readonly object[]) => {
    const checksum = new Checksum()
    for (const row of list) checksum.add(plainRow(table, row as Record<string, unknown>))
    return String(checksum)
  }
  assert.equal(sum(rows), sum(rows.toReversed()))
  assert.equal(sum(rows), sum(rows.map((row) => ({ ...row, detail: { a: [true, null], b: 1 } }))))
  assert.notEqual(sum(rows), sum(rows.slice(1)))
  for (const change of [
    { id: 9 },
    { at: null },
    { type: "y" },
    { detail: "{}" },
    { account_id: Buffer.alloc(16) },
  ])
    assert.notEqual(sum(rows), sum([{ ...rows[0], ...change }, ...rows.slice(1)]), JSON.stringify(change))
})

it("every column of every table is moved and compared", async () => {
  const service = openService()
  await service.run("user invite a@example.com")
  const raw = new DatabaseSync(service.path(DATABASE), { readOnly: true })
  const tables = raw
    .prepare(
      // The meta is carried over by itself, and which process has which secret is nothing to carry.
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('meta', 'secret_holder')",
    )
    .all()
    .map(({ name }) => String(name))
  assert.deepEqual(tables.sort(), TABLES.map(({ name }) => name).sort())
  for (const { name, columns } of TABLES) {
    const found = raw.prepare("SELECT name FROM pragma_table_info(?)").all(name)
    assert.deepEqual(found.map((row) => String(row.name)).sort(), Object.keys(columns).sort(), name)
  }
  raw.close()
  service.remove()
})

withServer("moving to PostgreSQL", () => {
  const service = openService(["--tolerated-delay", "0"])
  let target: Database
  let environment: Record<string, string> = {}
  let cookie = ""
  before(async () => {
    target = await createDatabase()
    environment = { NIGHTLATCH_DATABASE: target.url }
    await service.start()
    await service.create("ada", "--role", "admin")
    await service.create("bob")
    await service.run("user disable bob@example.com")
    await service.login("ada", "a wrong password it is")
    await service.post("/auth/password/forgot", "", { email: "ada@example.com" })
    await service.signIn("ada")
    cookie = await service.signIn("ada")
    const input = Array.from({ length: 2_500 }, (_, index) => `u${index}@example.com,true`).join("\n")
    const imported = await service.run("user import - --format csv", `email,verified\n${input}`)
    assert.equal(imported.code, 0, imported.error)
  })
  after(async () => {
    await service.stop()
    service.remove()
    await target.drop()
  })
  const count = async (table: string) =>
    Number((await administer(target.url, `SELECT count(*)::int AS n FROM nightlatch.${table}`))[0]?.n)
  const move = () => service.run(`move --to ${target.url}`)

  it("refuses while the service runs, and what is no PostgreSQL", async () => {
    const running = await move()
    assert.equal(running.code, 2)
    assert.match(running.error, /another Nightlatch service runs/)
    await service.stop()
    for (const line of ["move", "move --to ./other.db", "move --to mysql://a@b/c", "move --to-file none"])
      assert.equal((await service.run(line)).code, 2, line)
    const open = await service.run("move --to postgres://ada:violet@localhost/b")
    assert.equal(open.code, 2)
    assert.match(open.error, /by --to-file/)
    assert.doesNotMatch(open.error, /violet/)
  })

  it("that is broken off leaves a database that nobody can start on", async () => {
    // The last table cannot be filled: somebody took the right room away.
    await service.run("migrate", "", environment)
    await administer(target.url, "ALTER TABLE nightlatch.event ADD CONSTRAINT broken CHECK (id < 3)")
    const broken = await move()
    assert.equal(broken.code, 1)
    assert.match(broken.error, /^error: /)
    assert.ok((await count("account")) > 2_000)
    for (const line of ["serve --port 0", "user list", "events"]) {
      const ran = await service.run(line, "", environment)
      assert.equal(ran.code, 2, line)
      assert.match(ran.error, /\[store\.unfinished\]/)
    }
    await administer(target.url, "ALTER TABLE nightlatch.event DROP CONSTRAINT broken")
  })

  it("begins anew the second time, and moves everything, counted and compared", async () => {
    const ran = await move()
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /^Moved to postgres:\/\/\S+, counted and compared: 2502 account, 2 session, /m)
    assert.match(ran.out, /NIGHTLATCH_DATABASE to it, with the role that the service runs as/)
    const raw = new DatabaseSync(service.path(DATABASE), { readOnly: true })
    for (const { name } of TABLES) {
      const row = raw.prepare(`SELECT count(*) AS n FROM ${name}`).get()
      assert.equal(await count(name), row?.n, name)
    }
    const meta = Object.fromEntries(
      raw
        .prepare("SELECT key, value FROM meta")
        .all()
        .map((row) => [row.key, row.value]),
    )
    raw.close()
    const rows = await administer(target.url, "SELECT key, value::text FROM nightlatch.meta")
    const moved = Object.fromEntries(rows.map((row) => [row.key, Number(row.value)]))
    assert.deepEqual([moved.lineage, moved.counter, moved.unfinished], [meta.lineage, meta.counter, 0])
  })

  it("does not mix with what is there already", async () => {
    const again = await move()
    assert.equal(again.code, 2)
    assert.match(again.error, /\[store\.not_empty\]/)
    assert.equal(await count("account"), 2502)
  })

  it("keeps everybody signed in, and ids go on where they were", async () => {
    const before = Number(
      (await administer(target.url, "SELECT max(id)::int AS n FROM nightlatch.event"))[0]?.n,
    )
    await service.start(environment)
    assert.equal((await service.me(cookie)).status, 200)
    const refreshed = await service.refresh(cookie)
    assert.equal(refreshed.status, 200, refreshed.text)
    const renewed = cookiesOf(refreshed)
    const me = await service.me(renewed)
    assert.deepEqual(JSON.parse(me.text).roles, ["admin"])
    assert.equal((await service.login("ada")).status, 200)
    assert.equal((await service.login("bob")).status, 401)
    const events = await administer(
      target.url,
      `SELECT min(id)::int AS n FROM nightlatch.event WHERE id > ${before}`,
    )
    assert.equal(events[0]?.n, before + 1)
    // The old token again: the chain of the session came with it.
    assert.equal(codeOf(await service.refresh(cookie)), "session.ended")
    assert.equal(codeOf(await service.refresh(renewed)), "session.ended")
  })

  it("backs up and restores there too, by PostgreSQL's own programs", async (t) => {
    const tools = await service.run("backup there.dump", "", environment)
    if (/not installed/.test(tools.error)) {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no pg_dump")
      return t.skip("no pg_dump")
    }
    assert.equal(tools.code, 0, tools.error)
    if (process.platform !== "win32") assert.equal(statSync(service.path("there.dump")).mode & 0o777, 0o600)
    assert.equal((await service.run("backup there.dump", "", environment)).code, 2)
    const session = await service.signIn("ada")
    const running = await service.run("restore there.dump", "", environment)
    assert.equal(running.code, 2)
    assert.match(running.error, /\[store\.in_use\]/)
    await service.stop()

    const dump = readFileSync(service.path("there.dump"))
    const wrong: readonly [name: string, bytes: Buffer, code: RegExp][] = [
      ["none.dump", Buffer.from("nothing"), /\[backup\.not_a_backup\]/],
      ["head.dump", dump.subarray(0, 3_000), /damaged or cut off.*\[backup\.damaged\]/],
      ["tail.dump", dump.subarray(0, dump.length - 200), /damaged or cut off.*\[backup\.damaged\]/],
      [
        "name.dump",
        withOther(dump, "COPY nightlatch.account", "COPY nightlatch.accouns"),
        /\[backup\.refused\]/,
      ],
    ]
    for (const [name, bytes, says] of wrong) {
      writeFileSync(service.path(name), bytes)
      const refused = await service.run(`restore ${name}`, "", environment)
      assert.equal(refused.code, 2, name)
      assert.match(refused.error, says)
      assert.match(refused.error, /^There is a fault:[\s\S]*→ /)
      assert.doesNotMatch(refused.error, /pg_restore: |\ufffd|\bat .*\.ts:\d+/)
    }
    const lite = await service.run(`restore ${DATABASE}`, "", environment)
    assert.match(lite.error, /\[backup\.other_engine\]/)
    assert.match((await service.run("user list", "", environment)).out, /ada@example/)
    const ran = await service.run("restore there.dump", "", environment)
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /is kept: schema nightlatch_before_restore/)
    assert.match(ran.out, /nothing had changed/)
    const second = await service.run("restore there.dump", "", environment)
    assert.match(second.error, /\[store\.kept_before\]/)

    await service.start(environment)
    assert.equal((await service.me(session)).status, 401)
    assert.equal(codeOf(await service.refresh(session)), "session.ended")
    assert.equal((await service.login("ada")).status, 200)
    await service.stop()
    await administer(target.url, "UPDATE nightlatch.meta SET value = 0 WHERE key = 'counter'")
    const old = await service.run("serve --port 0", "", environment)
    assert.match(old.error, /\[store\.went_back\]/)
    assert.equal((await service.run("restore --acknowledge", "", environment)).code, 0)
    await service.start(environment)
    return undefined
  })

  it("names what is missing when PostgreSQL's programs are not there", async () => {
    const path = (process.env.PATH ?? "")
      .split(delimiter)
      .filter((folder) => !isFolderWith(folder, "pg_dump"))
      .join(delimiter)
    const ran = await service.run("backup other.dump", "", { ...environment, PATH: path })
    assert.equal(ran.code, 2)
    assert.match(ran.error, /pg_dump: it is not installed[\s\S]*postgresql-client/)
    assert.ok(!readdirSync(service.folder).some((name) => name.startsWith("other.dump")))
  })
})

/** Bytes in which one text stands for another of as many bytes. */
function withOther(bytes: Buffer, text: string, other: string): Buffer {
  const at = bytes.indexOf(text)
  assert.ok(at > 0, text)
  const copy = Buffer.from(bytes)
  copy.write(other, at)
  return copy
}

function isFolderWith(folder: string, name: string): boolean {
  try {
    return readdirSync(folder).includes(name)
  } catch {
    return false
  }
}
