/** The server itself killed, all of its processes at once, while people live on it. */
import assert from "node:assert/strict"
import { randomInt } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { describe, it } from "node:test"
import pg from "pg"
import { makeCluster } from "./postgres-cluster.ts"
import { readJournal } from "./postgres-journal.ts"
import { inTime, LIFE_MS, startInstance, untilGone, verifyAll } from "./postgres-life.ts"

const KILLS = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 40 : 4

/** So many more answers. */
async function untilTold(journal: string, more: number): Promise<void> {
  const count = () => (existsSync(journal) ? readFileSync(journal, "utf8").split('"told"').length : 0)
  const enough = count() + more
  while (count() < enough) await new Promise((resume) => setTimeout(resume, 20))
}

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
      const instance = await inTime(startInstance(url, 4, true), LIFE_MS)
      const { journal, end } = instance.live()
      for (let time = 0; time < KILLS; time++) {
        await inTime(untilTold(journal, 20 + randomInt(100)), LIFE_MS)
        await cluster.kill()
        await cluster.start()
      }
      await inTime(untilTold(journal, 200), LIFE_MS)
      instance.child.kill("SIGKILL")
      assert.equal(await inTime(end, LIFE_MS), "SIGKILL")
      const server = new pg.Client({ connectionString: url })
      await server.connect()
      await untilGone(server, null)
      await server.end()
      const people = readJournal(journal)
      const lost = [...people.values()].flat().filter((step) => step.lost === true).length
      const tally = { kept: 0, gone: 0, sessions: 0 }
      await verifyAll(url, journal, tally)
      t.diagnostic(`${KILLS} kills: ${people.size} people, ${lost} lost answers, ${JSON.stringify(tally)}`)
      assert.ok(people.size > 4 && lost > 0, "the server was killed while nobody asked it")
    } finally {
      await cluster.remove()
    }
    return undefined
  })
})
