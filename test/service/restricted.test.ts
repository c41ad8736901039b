/** What an operator meets who uses the two documented roles, or mistypes the URL. */
import assert from "node:assert/strict"
import { readdirSync } from "node:fs"
import { after, before, it } from "node:test"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { createDatabaseWithRoles, ask as query, withServer } from "../store/postgres-server.ts"
import { command, freePort, openFolder } from "./process.ts"

withServer("the documented roles of PostgreSQL", () => {
  const folder = openFolder()
  let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  const run = (line: string, url: string) =>
    command(folder.path, line.split(" "), "", {
      NIGHTLATCH_DATABASE: url,
      NIGHTLATCH_SECRET: generateSecret(),
    })
  before(async () => {
    database = await createDatabaseWithRoles()
    assert.equal((await run("migrate", database.owner)).code, 0)
  })
  after(async () => {
    await database?.drop()
    folder.remove()
  })

  it("back up and restore, and say which right is missing when one is", async (t) => {
    assert.equal((await run("user invite ada@example.com", database.service)).code, 0)
    const saved = await run("backup copy.dump", database.owner)
    if (/not installed/.test(saved.error)) {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no pg_dump")
      return t.skip("no pg_dump")
    }
    assert.equal(saved.code, 0, saved.error)
    const withoutRight = await run("backup other.dump", database.service)
    assert.equal(withoutRight.code, 2, withoutRight.error)
    assert.match(withoutRight.error, /\[store\.no_right\][\s\S]*the role that owns the tables/)
    assert.ok(!readdirSync(folder.path).some((file) => file.startsWith("other")))
    const name = new URL(database.url).pathname.slice(1)
    await query(database.url, `REVOKE CREATE ON DATABASE ${name} FROM ${name}_owner`)
    const refused = await run("restore copy.dump", database.owner)
    assert.equal(refused.code, 2, refused.error)
    assert.match(refused.error, /\[store\.no_right\][\s\S]*GRANT CREATE ON DATABASE/)
    assert.match((await run("user list", database.service)).out, /ada@example\.com/)

    await query(database.url, `GRANT CREATE ON DATABASE ${name} TO ${name}_owner`)
    const restored = await run("restore copy.dump", database.owner)
    assert.equal(restored.code, 0, restored.error)
    assert.match((await run("user list", database.service)).out, /ada@example\.com/)
    return undefined
  })

  it("are told in words what is wrong with a URL, without a stack", async () => {
    const other = (change: (url: URL) => void): string => {
      const url = new URL(database.service)
      change(url)
      return url.href
    }
    const closed = String(await freePort())
    const cases: readonly [url: string, says: RegExp][] = [
      [other((url) => (url.port = closed)), /nothing listens at its address \(ECONNREFUSED\)/],
      [other((url) => (url.pathname = "/nightlatch_nowhere")), /there is no database of that name \(3D000\)/],
      [other((url) => (url.username = "nightlatch_nobody")), /the server does not take this role \(28000\)/],
    ]
    for (const [url, says] of cases) {
      for (const line of ["serve --port 0", "user list"]) {
        const ran = await run(line, url)
        assert.equal(ran.code, 1, ran.out)
        assert.match(ran.error, says)
        assert.match(ran.error, /→ .*NIGHTLATCH_DATABASE/)
        assert.doesNotMatch(ran.out + ran.error, /\bat .*\.ts:\d+/)
      }
    }
  })
})
