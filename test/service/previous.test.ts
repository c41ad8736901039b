/**
 * The version before and this one on the same PostgreSQL, while it is migrated: people whom both serve notice nothing. The
 * version before comes out of the history; where there is none (a tarball, a shallow clone) this is left out.
 */
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { symlinkSync } from "node:fs"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { createDatabaseWithRoles, ask as query, withServer } from "../store/postgres-server.ts"
import { type Answer, ask, command, cookiesOf, killAll, openFolder, type Running, serve } from "./process.ts"

const ROOT = fileURLToPath(new URL("../..", import.meta.url))
/** A commit with schema 3; this one has a newer. */
const PREVIOUS = "ab2fa0d"
const PASSWORD = "seven copper lanterns drift"
const EMAIL = "ada@example.com"
const HOST = "localhost:3000"

const isKnown = spawnSync("git", ["cat-file", "-e", `${PREVIOUS}^{commit}`], { cwd: ROOT }).status === 0

if (!isKnown) it("the version before and this one", (t) => t.skip("its commit is not in this copy's history"))
else
  withServer("the version before and this one on one PostgreSQL", () => {
    const folder = openFolder()
    const main = join(folder.path, "previous/src/cli/main.ts")
    let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
    let environment: Readonly<Record<string, string>> = {}
    let older: Running
    let newer: Running
    /** Signed in at the older one before the migration. */
    let early = ""

    before(async () => {
      const words = ["archive", "--format=tar", "--prefix=previous/", PREVIOUS, "src", "package.json"]
      const archive = execFileSync("git", words, { cwd: ROOT, maxBuffer: 64 << 20 })
      execFileSync("tar", ["-x", "-C", folder.path], { input: archive })
      symlinkSync(join(ROOT, "node_modules"), join(folder.path, "previous/node_modules"))
      database = await createDatabaseWithRoles()
      environment = {
        NIGHTLATCH_SECRET: generateSecret(),
        NIGHTLATCH_ORIGIN: `http://${HOST}`,
        NIGHTLATCH_DATABASE: database.service,
        NIGHTLATCH_TOLERATED_DELAY: "0",
      }
      runPrevious("migrate")
      runPrevious("user", "create", EMAIL, "--password-stdin")
      older = await serve(folder.path, [], environment, main)
      early = await signIn(older)
    })
    after(async () => {
      killAll()
      await database?.drop()
      folder.remove()
    })

    /** A command of the version before, as the owner of the tables. */
    function runPrevious(...words: readonly string[]): void {
      execFileSync(process.execPath, [main, ...words], {
        cwd: folder.path,
        env: { PATH: process.env.PATH, ...environment, NIGHTLATCH_DATABASE: database.owner },
        input: `${PASSWORD}\n`,
      })
    }
    const at = (service: Running, path: string, cookie: string, json?: object): Promise<Answer> =>
      ask(service.port, path, {
        headers: { host: HOST, "x-nightlatch": "1", ...(cookie === "" ? {} : { cookie }) },
        ...(json === undefined ? {} : { json, method: "POST" }),
      })
    async function signIn(service: Running): Promise<string> {
      const answer = await at(service, "/auth/login", "", { email: EMAIL, password: PASSWORD })
      assert.equal(answer.status, 200, answer.text)
      return cookiesOf(answer)
    }
    async function refresh(service: Running, cookie: string): Promise<string> {
      const answer = await at(service, "/auth/refresh", cookie, {})
      assert.equal(answer.status, 200, answer.text)
      return cookiesOf(answer)
    }
    async function untilRefused(service: Running, cookie: string): Promise<void> {
      const patience = performance.now() + 6_000
      while ((await at(service, "/auth/me", cookie)).status !== 401) {
        assert.ok(performance.now() < patience, "it still accepts")
        await delay(50)
      }
    }
    const version = async () =>
      Number((await query(database.url, "SELECT version FROM nightlatch.schema_version"))[0]?.version)

    it("migrates beside the one that runs, whose people go on", async () => {
      const from = await version()
      let going = true
      let asked = 0
      const using = (async () => {
        while (going) {
          early = await refresh(older, early)
          assert.equal((await at(older, "/auth/me", early)).status, 200)
          asked++
        }
      })()
      await delay(200)
      const owner = { ...environment, NIGHTLATCH_DATABASE: database.owner }
      const migrated = await command(folder.path, ["migrate"], "", owner)
      assert.equal(migrated.code, 0, migrated.error)
      await delay(200)
      going = false
      await using
      assert.ok(asked > 5, `${asked}`)
      assert.ok((await version()) > from, "there was something to migrate")
      newer = await serve(folder.path, [], environment)
    })

    it("serves people whom both serve, in turn", async () => {
      const services = [newer, older]
      for (let turn = 0; turn < 6; turn++) {
        early = await refresh(services[turn % 2] as Running, early)
        for (const service of services) assert.equal((await at(service, "/auth/me", early)).status, 200)
      }
    })

    it("refuses on both what was ended on one, and a used token ends its session on both", async () => {
      for (const [one, other] of [
        [newer, older],
        [older, newer],
      ] as const) {
        const left = await signIn(one)
        assert.equal((await at(one, "/auth/logout", left, {})).status, 204)
        await untilRefused(other, left)

        const stolen = await signIn(one)
        const next = await refresh(other, stolen)
        const newest = await refresh(one, next)
        assert.equal((await at(other, "/auth/refresh", stolen, {})).status, 401)
        for (const service of [one, other]) await untilRefused(service, newest)
      }
    })

    it("starts the version before again beside the newer schema, for whoever has to go back", async () => {
      assert.equal(await older.stop("SIGTERM"), 0)
      older = await serve(folder.path, [], environment, main)
      early = await refresh(older, early)
      assert.equal((await at(newer, "/auth/me", early)).status, 200)
    })
  })
