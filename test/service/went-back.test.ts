/** An older copy in the place of the database: noticed, or at the least nobody is called a thief. */
import assert from "node:assert/strict"
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, describe, it } from "node:test"
import { codeOf, DATABASE, openService } from "./operated.ts"
import { cookiesOf, killAll } from "./process.ts"

after(killAll)

describe("a database that went back in time", () => {
  // Each refresh of these tests rotates.
  const service = openService(["--tolerated-delay", "0"])
  after(async () => {
    await service.stop()
    service.remove()
  })
  const copyOf = (name: string) => {
    mkdirSync(service.path(name), { recursive: true })
    for (const end of ["", "-wal"]) {
      const from = service.path(DATABASE + end)
      if (existsSync(from)) copyFileSync(from, join(service.path(name), `nightlatch.db${end}`))
    }
  }
  const putBack = (name: string) => {
    for (const end of ["", "-wal", "-shm"]) {
      rmSync(service.path(DATABASE + end), { force: true })
      const from = join(service.path(name), `nightlatch.db${end}`)
      if (existsSync(from)) copyFileSync(from, service.path(DATABASE + end))
    }
  }

  it("does not start until somebody has said so; then every session has ended and nobody is called a thief", async () => {
    await service.start()
    await service.create("ada")
    const cookie = await service.signIn("ada")
    await service.stop()
    copyOf("older")
    await service.start()
    const rotated = cookiesOf(await service.refresh(cookie))
    assert.equal((await service.refresh(rotated)).status, 200)
    await service.run("user disable ada@example.com")
    await service.stop()

    putBack("older")
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = await service.run("serve --port 0")
      assert.equal(refused.code, 2)
      assert.match(refused.error, /\[store\.went_back\]/)
      assert.match(refused.error, /npm run -s nightlatch -- restore --acknowledge/)
    }
    const taken = await service.run("restore --acknowledge")
    assert.equal(taken.code, 0, taken.error)
    assert.match(taken.out, /^The database is taken as it is\. 1 session has ended/m)
    await service.start()
    for (const each of [cookie, rotated]) {
      assert.equal((await service.me(each)).status, 401)
      assert.equal(codeOf(await service.refresh(each)), "session.ended")
    }
    assert.equal((await service.login("ada")).status, 200)
    assert.doesNotMatch(await service.events(), /session\.reuse|session\.parent_late|session\.rollback/)
  })

  it("that nobody noticed ends the sessions it has forgotten, tells the operator, and mails nobody of theft", async () => {
    const cookie = await service.signIn("ada")
    await service.stop()
    copyOf("older")
    await service.start()
    const rotated = cookiesOf(await service.refresh(cookie))
    await service.stop()
    putBack("older")
    rmSync(service.path(`${DATABASE}.witness`))
    await service.start()
    assert.equal(codeOf(await service.refresh(rotated)), "session.ended")
    assert.equal(codeOf(await service.refresh(cookie)), "session.ended")
    const events = await service.events()
    assert.match(events, /"type":"session\.rollback"/)
    assert.doesNotMatch(events, /session\.reuse|session\.parent_late/)
    const raw = new DatabaseSync(service.path(DATABASE), { readOnly: true })
    const mails = raw
      .prepare("SELECT count(*) AS n FROM outbox WHERE purpose = 'signed-out-for-safety'")
      .get()
    raw.close()
    assert.equal(mails?.n, 0)
  })
})
