/** A restore on PostgreSQL: what was taken away since the backup stays away, as the schema that was set aside tells it. */
import assert from "node:assert/strict"
import { after, before, it } from "node:test"
import { setTimeout } from "node:timers/promises"
import { ask as administer, createDatabaseWithRoles, withServer } from "../store/postgres-server.ts"
import { codeOf, NEW, OLD, openService } from "./operated.ts"
import { cookiesOf, killAll } from "./process.ts"

after(killAll)

withServer("a restore on PostgreSQL", () => {
  const service = openService()
  let target: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  let noTools = false
  const as = (url: string) => ({ NIGHTLATCH_DATABASE: url })
  const owner = (line: string, input = "") => service.run(line, input, as(target.owner))
  const sql = (text: string) => administer(target.url, text)
  const at = (name: string) => `email = '${name}@example.com'`
  const idOf = (name: string) => `(SELECT id FROM nightlatch.account WHERE ${at(name)})`

  before(async () => {
    target = await createDatabaseWithRoles()
    const names = ["ada", "bob", "eve", "ina", "mia", "ned", "pat", "ren"]
    for (const line of [
      "migrate",
      ...names.map((name) => `user create ${name}@example.com --password-stdin`),
    ])
      assert.equal((await owner(line, `${OLD}\n`)).code, 0, line)
    await owner("user create dan@example.com --password-stdin --role admin --role editor", `${OLD}\n`)
    for (const name of ["ina", "ned"])
      await sql(`INSERT INTO nightlatch.identity
        SELECT 'https://id.example.com', '${name}', substr(sha256('${name}'), 1, 16), id, 'example', NULL, NULL, 1, 1
        FROM nightlatch.account WHERE ${at(name)}`)
    const made = await owner("backup copy.dump")
    noTools = /not installed/.test(made.error)
    if (noTools) assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no pg_dump")
    else assert.equal(made.code, 0, made.error)
  })
  after(async () => {
    await service.stop()
    service.remove()
    await target.drop()
  })

  it("brings back accounts, and nothing that was taken away since", async (t) => {
    if (noTools) return t.skip("no pg_dump")
    await service.start(as(target.service))
    const changed = await service.changePassword(await service.signIn("ada"))
    assert.equal(changed.status, 200, changed.text)
    const cookie = cookiesOf(changed)
    await service.stop()
    for (const line of [
      "user disable bob@example.com",
      "user delete eve@example.com",
      "user roles dan@example.com --role editor --role late",
    ])
      assert.equal((await owner(line)).code, 0, line)
    await owner("user create new@example.com --password-stdin", `${OLD}\n`)
    await sql(`UPDATE nightlatch.account SET email = 'other@example.com' WHERE ${at("mia")}`)
    await sql(`DELETE FROM nightlatch.identity WHERE subject = 'ina'`)
    await sql(`UPDATE nightlatch.account SET deletion_at = 4000000000000 WHERE ${at("ned")}`)
    // A renewed hash of the same password, and one of another that was renewed later.
    for (const [name, types] of [
      ["ren", ["password.rehashed"]],
      ["pat", ["password.changed", "password.rehashed"]],
    ] as const) {
      await sql(`UPDATE nightlatch.account SET password_hash = password_hash || 'x' WHERE ${at(name)}`)
      for (const type of types)
        await sql(`INSERT INTO nightlatch.event (at, type, account_id) VALUES (1, '${type}', ${idOf(name)})`)
    }

    const ran = await owner("restore copy.dump")
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /^What was there is kept: schema nightlatch_before_restore/m)
    const told = [...ran.out.matchAll(/^ {2}(\w+)@example\.com: (.+?)(?: since|,)/gm)].map(
      ([, name, what]) => `${name} ${what}`,
    )
    assert.deepEqual(told.sort(), [
      "ada has another password",
      "bob disabled",
      "dan lost roles",
      "eve deleted",
      "mia has another address",
      "new made",
      "pat has another password",
    ])
    const rows = await sql("SELECT email, roles, deletion_at FROM nightlatch.account ORDER BY email")
    assert.deepEqual(
      rows.map(({ email }) => String(email).split("@")[0]),
      ["ada", "bob", "dan", "ina", "mia", "ned", "pat", "ren"],
    )
    assert.deepEqual(rows[2]?.roles, ["editor"])
    assert.equal(rows[5]?.deletion_at, "4000000000000")
    assert.deepEqual(
      (await sql("SELECT subject FROM nightlatch.identity")).map(({ subject }) => subject),
      ["ned"],
    )
    // An access token tells its time in whole seconds, so one of the restore's own second is refused.
    await setTimeout(1_000)

    await service.start(as(target.service))
    assert.equal((await service.me(cookie)).status, 401)
    assert.equal(codeOf(await service.refresh(cookie)), "session.ended")
    for (const [name, password] of [
      ["ada", OLD],
      ["ada", NEW],
      ["bob", OLD],
      ["eve", OLD],
      ["mia", OLD],
      ["new", OLD],
      ["pat", OLD],
    ] as const)
      assert.equal((await service.login(name, password)).status, 401, `${name} ${password}`)
    for (const name of ["dan", "ina", "ren"]) assert.equal((await service.login(name)).status, 200, name)
    await service.stop()
    return undefined
  })

  for (const [what, change] of [
    ["another database", "UPDATE nightlatch.meta SET value = value + 1 WHERE key = 'lineage'"],
    ["an older one", "UPDATE nightlatch.meta SET value = -1 WHERE key = 'counter'"],
    ["a move that was broken off", "UPDATE nightlatch.meta SET value = 1 WHERE key = 'unfinished'"],
    ["another schema", "UPDATE nightlatch.schema_version SET version = version - 1"],
    ["one without its tables", "DROP TABLE nightlatch.meta CASCADE"],
  ] as const) {
    it(`compares with nothing of ${what}`, async (t) => {
      if (noTools) return t.skip("no pg_dump")
      await sql("DROP SCHEMA IF EXISTS nightlatch_before_restore CASCADE")
      await sql(`UPDATE nightlatch.account SET disabled_at = 1 WHERE ${at("ina")}`)
      await sql(change)
      const ran = await owner("restore copy.dump")
      assert.equal(ran.code, 0, ran.error)
      assert.match(ran.out, /Nothing could be carried over/)
      const rows = await sql(`SELECT disabled_at FROM nightlatch.account WHERE ${at("ina")}`)
      assert.deepEqual(rows, [{ disabled_at: null }])
      return undefined
    })
  }
})
