/** `nightlatch keys list` beside a running service, through a whole rotation; time is moved in the database. */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { type Latch, MisuseError, nightlatch } from "../../src/index.ts"
import { readConfiguration } from "../../src/service/configuration.ts"
import { readKeys } from "../../src/service/keys.ts"
import { ask, createDatabaseWithRoles, withServer } from "../store/postgres-server.ts"
import { DATABASE, openService } from "./operated.ts"
import { command, killAll, openFolder } from "./process.ts"

const [OLD, YOUNG] = [generateSecret(), generateSecret()]
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const FILE = { NIGHTLATCH_SECRET_FILE: "secret" }

interface Listed {
  readonly source: string
  readonly secrets: readonly {
    readonly position: number | null
    readonly id: string
    readonly does: string
    readonly instances: number
    readonly lastSigned: string | null
  }[]
  readonly instances: readonly string[]
  readonly rotation: Record<
    "append" | "move" | "remove",
    { readonly safe: boolean; readonly why: string }
  > & { readonly next: string }
}

describe("keys list", { skip: process.platform === "win32" }, () => {
  const service = openService()
  const give = (...secrets: string[]) =>
    writeFileSync(service.path("secret"), `${secrets.join("\n")}\n`, { mode: 0o600 })
  let cookie = ""

  before(async () => {
    give(OLD)
    await service.start({ ...FILE, NIGHTLATCH_OPERATOR_TOKEN: generateSecret() })
    await service.create("ada")
    cookie = await service.signIn("ada")
  })
  after(async () => {
    await service.stop()
    killAll()
    service.remove()
  })

  /** The origin has the port of this run. */
  const run = (...words: string[]) =>
    service.run(["keys", "list", "--origin", service.origin(), ...words].join(" "), "", FILE)
  const listed = async (): Promise<Listed> => JSON.parse((await run("--json")).out)
  const safe = ({ rotation }: Listed) => [rotation.append.safe, rotation.move.safe, rotation.remove.safe]
  async function until(holds: (now: Listed) => boolean): Promise<Listed> {
    const patience = performance.now() + 15_000
    for (;;) {
      const now = await listed()
      if (holds(now)) return now
      assert.ok(performance.now() < patience, JSON.stringify(now))
      await delay(100)
    }
  }
  const change = (
    text: "UPDATE secret_holder SET since = since - ?" | "UPDATE root_secret SET signed_at = signed_at - ?",
    ms: number,
  ) => {
    const raw = new DatabaseSync(service.path(DATABASE))
    raw.exec("PRAGMA busy_timeout = 5000")
    raw.prepare(text).run(ms)
    raw.close()
  }

  it("goes with an operator through the three steps, and nobody is signed out", async () => {
    const first = await listed()
    assert.equal(first.source, "NIGHTLATCH_SECRET_FILE")
    assert.deepEqual(
      [first.secrets.length, first.secrets[0]?.does, first.instances.length],
      [1, "signs and verifies", 1],
    )
    assert.deepEqual(safe(first), [true, false, false])

    give(OLD, YOUNG)
    const apart = await listed()
    assert.deepEqual(safe(apart), [false, false, false])
    assert.equal(apart.rotation.append.why, "0 of 1 instance have the second.")
    service.signal("SIGHUP")
    const appended = await until(({ secrets }) => secrets[1]?.instances === 1)
    assert.deepEqual(safe(appended), [true, false, false])
    assert.match(
      appended.rotation.next,
      /^Wait\. The instance has had the second for \d+ s .*to the front in 9 min\./,
    )
    change("UPDATE secret_holder SET since = since - ?", 12 * MINUTE)
    const ready = await listed()
    assert.deepEqual(safe(ready), [true, true, false])
    assert.equal(ready.rotation.next, "Move the second to the front.")
    assert.equal(ready.rotation.move.why, "The instance has had the second for 12 min (10 min are needed).")

    give(YOUNG, OLD)
    service.signal("SIGHUP")
    const moved = await until(({ rotation }) => rotation.move.why.startsWith("Every other"))
    assert.equal(moved.secrets[0]?.id, appended.secrets[1]?.id)
    assert.match(moved.rotation.next, /you may remove it in 30 d\.$/)
    assert.equal((await service.me(cookie)).status, 200)
    assert.equal((await service.refresh(cookie)).status, 200)
    change("UPDATE root_secret SET signed_at = signed_at - ?", 31 * DAY)
    const over = await listed()
    assert.deepEqual(safe(over), [true, false, true])
    assert.equal(over.rotation.next, "Remove the second.")

    give(YOUNG)
    const removing = await listed()
    assert.equal(removing.secrets[1]?.does, "not configured here")
    assert.deepEqual(safe(removing), [false, false, false])
    service.signal("SIGHUP")
    const done = await until(({ secrets }) => secrets.length === 1)
    assert.deepEqual(safe(done), [true, false, false])
    const events = await service.events()
    assert.match(events, /"type":"secret\.added"/)
    assert.match(events, /"type":"secret\.removed"/)
    assert.doesNotMatch(service.output(), /while sessions of it could live/)
  })

  it("is a table for a person, and shows nothing of a secret", async () => {
    const shown = (await run()).out
    assert.match(shown, /^Root secrets of http:\/\/localhost:\d+, from NIGHTLATCH_SECRET_FILE\n\n# {2}id/)
    assert.match(shown, /^1 {2}[\w-]{8} {2}signs and verifies {2}1 of 1 +\d+ \w+ +now$/m)
    assert.match(shown, /^append {2}safe {2}/m)
    assert.match(shown, /^remove {2}no {4}It is the only one\.$/m)
    assert.match(shown, /^Next: To rotate, append a new one \(npm run -s nightlatch -- secret\)/m)
    const all = shown + (await run("--json")).out
    for (const secret of [OLD, YOUNG]) {
      const bare = secret.replace("nl_secret_", "")
      for (let at = 0; at + 8 <= bare.length; at++) assert.ok(!all.includes(bare.slice(at, at + 8)))
    }
  })

  it("says what is missing: a secret, a database, the source, an instance", async () => {
    const folder = openFolder()
    const keysList = (environment: Readonly<Record<string, string>>) =>
      command(folder.path, ["keys", "list"], "", environment)
    try {
      assert.match((await keysList({})).error, /\[secret\.missing\]/)
      assert.match(
        (await keysList({ NIGHTLATCH_SECRET: "changeme" })).error,
        /NIGHTLATCH_SECRET \(secret\): .*\[secret\.published\]/,
      )
      assert.match((await keysList({ NIGHTLATCH_SECRET: OLD })).error, /\[database\.missing\]/)
      assert.match((await keysList({ NIGHTLATCH_SECRET_COMMAND: "false" })).error, /ended with exit code 1/)
      await command(folder.path, ["migrate"])
      const none = await keysList({ NIGHTLATCH_SECRET: OLD })
      assert.equal(none.code, 0)
      assert.match(
        none.out,
        /0 of 0 .*never[\s\S]*No running instance is known\.[\s\S]*Next: Start the service/,
      )
      assert.match((await command(folder.path, ["keys"])).error, /list +Show the root secrets/)
      assert.match((await command(folder.path, ["keys", "list", "--jsn"])).error, /Did you mean "--json"\?/)
    } finally {
      folder.remove()
    }
  })

  it("forgets an instance that has stopped, and knows until when it signed", async () => {
    await service.stop()
    const stopped = await listed()
    assert.deepEqual([stopped.instances, stopped.secrets[0]?.instances], [[], 0])
    assert.ok(Date.now() - Date.parse(stopped.secrets[0]?.lastSigned ?? "") < 30_000)
    assert.match(stopped.rotation.next, /^Start the service/)
  })
})

withServer("keys list on PostgreSQL", () => {
  let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
  const latches: Latch[] = []
  const folder = openFolder()
  before(async () => {
    database = await createDatabaseWithRoles()
    const { openPostgres } = await import("../../src/store/postgres/index.ts")
    await (await openPostgres({ url: database.owner })).close()
  })
  after(async () => {
    await Promise.all(latches.map((latch) => latch.close()))
    await database.drop()
    folder.remove()
  })

  const keys = async (...secrets: string[]) => {
    const environment = { NIGHTLATCH_SECRET: secrets.join(), NIGHTLATCH_DATABASE: database.service }
    return readKeys(await readConfiguration({ folder: folder.path, environment }))
  }

  it("counts the instances that have each secret", async () => {
    const lists: string[][] = [[OLD], [OLD], [OLD]]
    for (const [index, stateFolder] of ["a", "b", "c"].entries()) {
      const latch = await nightlatch({
        origin: "http://localhost:3000",
        secret: async () => lists[index] ?? [],
        database: database.service,
        stateFolder: `${folder.path}/${stateFolder}`,
      })
      latches.push(latch)
    }
    const all = async (...secrets: string[]) => {
      for (const index of lists.keys()) lists[index] = secrets
      await Promise.all(latches.map((latch) => latch.renewSecrets()))
    }
    const settled = async (holds: () => Promise<boolean>) => {
      const patience = performance.now() + 10_000
      while (!(await holds())) {
        assert.ok(performance.now() < patience, "it did not settle")
        await delay(50)
      }
    }
    assert.deepEqual([(await keys(OLD)).rows.length, (await keys(OLD)).instances.length], [1, 3])

    lists[0] = [OLD, YOUNG]
    await latches[0]?.renewSecrets()
    await settled(async () => (await keys(OLD, YOUNG)).rows[1]?.instances === 1)
    assert.equal((await keys(OLD, YOUNG)).rotation.move.why, "1 of 3 instances has the second.")
    await all(OLD, YOUNG)
    await settled(async () => (await keys(OLD, YOUNG)).rows[1]?.instances === 3)
    await ask(database.url, `UPDATE nightlatch.secret_holder SET since = since - ${12 * MINUTE}`)
    const ready = await keys(OLD, YOUNG)
    assert.equal(
      ready.rotation.move.why,
      "All 3 instances have had the second for 12 min (10 min are needed).",
    )

    lists[1] = [YOUNG, OLD]
    await latches[1]?.renewSecrets()
    await settled(
      async () => (await keys(YOUNG, OLD)).rotation.move.why === "1 of 3 instances signs with the first.",
    )
    await all(YOUNG, OLD)
    await settled(async () => (await keys(YOUNG, OLD)).rotation.move.why.startsWith("Every other"))
    await latches.pop()?.close()
    assert.equal((await keys(YOUNG, OLD)).instances.length, 2)
    const rows = await ask(database.url, "SELECT id FROM nightlatch.root_secret")
    for (const { id } of rows) assert.match(String(id), /^[\w-]{22}$/)
    await assert.rejects(keys("changeme"), MisuseError)
  })
})
