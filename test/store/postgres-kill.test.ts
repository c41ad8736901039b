/** The server itself killed, all of its processes at once, while people live on it. */
import assert from "node:assert/strict"
import { randomInt } from "node:crypto"
import { describe, it } from "node:test"
import pg from "pg"
import { makeCluster } from "./postgres-cluster.ts"
import { readJournal } from "./postgres-journal.ts"
import { inTime, LIFE_MS, prepare, untilGone, verifyAll } from "./postgres-life.ts"

const KILLS = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 40 : 4

describe("postgres: a killed server", () => {
  it("has kept all that it answered when it comes back, and nothing half", async (t) => {
    const cluster = await makeCluster()
    if (cluster === undefined) {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there are no binaries of PostgreSQL to start")
      return t.skip("no binaries of PostgreSQL to start")
    }
    const url = `postgres://postgres@127.0.0.1:${cluster.port}/postgres`
    try {
      await cluster.start()
      const life = await inTime(prepare(url, 4, true), LIFE_MS)
      life.begin()
      for (let time = 0; time < KILLS; time++) {
        await new Promise((resume) => setTimeout(resume, 600 + randomInt(600)))
        await cluster.kill()
        await cluster.start()
      }
      await new Promise((resume) => setTimeout(resume, 1_500))
      life.child.kill("SIGKILL")
      assert.equal(await inTime(life.ended, LIFE_MS), "SIGKILL")
      const server = new pg.Client({ connectionString: url })
      await server.connect()
      await untilGone(server, null)
      await server.end()
      const people = readJournal(life.journal)
      const lost = [...people.values()].flat().filter((step) => step.lost === true).length
      const tally = { kept: 0, gone: 0, sessions: 0 }
      await verifyAll(url, life.journal, tally)
      t.diagnostic(`${KILLS} kills: ${people.size} people, ${lost} lost answers, ${JSON.stringify(tally)}`)
      assert.ok(people.size > 4 && lost > 0, "the server was killed while nobody asked it")
    } finally {
      await cluster.remove()
    }
    return undefined
  })
})
