/** What docs/disaster.md says about secrets and the database, played with its own commands: lost, leaked, stolen. */
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { afterEach, describe, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { promisify } from "node:util"
import { generateSecret, KeyRing } from "../../src/checklist/secret/index.ts"
import { createTokens, readToken } from "../../src/checklist/token/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import { codeOf, type Operated, openService } from "./operated.ts"
import { ask, killAll } from "./process.ts"

const ROOT = resolve(import.meta.dirname, "../..")
const PAGE = readFileSync(join(ROOT, "docs/disaster.md"), "utf8")
const run = promisify(execFile)

/** The commands of a section. */
function blocksOf(title: string): readonly string[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${title}\n`))
  assert.ok(section !== undefined, title)
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "")
}

describe("docs/disaster.md", { skip: process.platform === "win32" }, () => {
  let service: Operated
  afterEach(async () => {
    await service.stop()
    killAll()
    service.remove()
  })

  function open(): void {
    service = openService()
    // The project, for npm.
    for (const name of ["package.json", "src", "bin", "scripts", "node_modules"])
      symlinkSync(join(ROOT, name), service.path(name))
  }

  async function shell(text: string): Promise<void> {
    const { CI: _, ...environment } = process.env
    await run("bash", ["-euo", "pipefail", "-c", text], { cwd: service.folder, env: environment })
  }

  const secretsOf = () =>
    [...readFileSync(service.path(".env"), "utf8").matchAll(/^NIGHTLATCH_SECRET=(.*)$/gm)].map(
      ([, text]) => text,
    )

  async function untilRefused(cookie: string): Promise<void> {
    const patience = performance.now() + 10_000
    while ((await service.me(cookie)).status === 200) {
      assert.ok(performance.now() < patience, "it is still accepted")
      await delay(50)
    }
  }

  it("a lost secret: a new one, and everybody signs in again with what they know", async () => {
    open()
    await service.start()
    await service.create("ada")
    const cookie = await service.signIn("ada")
    await service.stop()
    const before = secretsOf()
    const [block = ""] = blocksOf("The root secret is lost")
    await shell(block)
    const now = secretsOf()
    assert.equal(now.length, 1)
    assert.notDeepEqual(now, before)

    await service.start()
    assert.equal((await service.me(cookie)).status, 401)
    assert.equal(codeOf(await service.refresh(cookie)), "session.invalid")
    assert.equal((await service.login("ada")).status, 200)
    const events = await service.events()
    assert.match(events, /"type":"secret\.removed"/)
    assert.doesNotMatch(events, /session\.reuse|session\.rollback|session\.parent_late/)
    assert.match(service.output(), /no instance has one any more while sessions of it could live/)
    // It is told once, not at each start.
    await service.stop()
    await service.start()
    assert.doesNotMatch(service.output(), /no instance has one any more while sessions of it could live/)
  })

  it("a leaked secret: one step ends what the thief forges, and every session", async () => {
    open()
    const leaked = generateSecret()
    mkdirSync(service.path("data"), { mode: 0o700 })
    writeFileSync(service.path("data/secret"), `${leaked}\n`, { mode: 0o600 })
    await service.start({ NIGHTLATCH_SECRET_FILE: "data/secret" })
    await service.create("ada")
    const cookie = await service.signIn("ada")
    const forged = forge(leaked, service.origin(), cookie)
    assert.equal((await service.me(forged)).status, 200, "whoever has the secret is whoever they like")

    const [block = ""] = blocksOf("The root secret has leaked")
    await shell(block)
    service.signal("SIGHUP")
    await untilRefused(forged)
    assert.equal((await service.me(cookie)).status, 401)
    assert.equal(codeOf(await service.refresh(cookie)), "session.invalid")
    const again = await service.signIn("ada")
    assert.equal((await service.me(again)).status, 200)
    const { keys } = JSON.parse((await ask(service.port(), "/.well-known/jwks.json")).text)
    assert.equal(keys.length, 1)
    const line = `keys list --origin ${service.origin()}`
    const listed = await service.run(line, "", { NIGHTLATCH_SECRET_FILE: "data/secret" })
    assert.match(listed.out, /1 of 1[\s\S]*There is one secret, and all instances have it/)
    assert.match(service.output(), /whatever a removed secret signed is refused/)
    const events = await service.events()
    assert.match(events, /"type":"secret\.removed"/)
    assert.doesNotMatch(events, /session\.reuse|session\.rollback|session\.parent_late/)
  })

  it("a leaked database: nothing of it signs anybody in, and what is signed in can be ended", async () => {
    open()
    // A thief has patience and many addresses.
    const perAddress = "1000000/minute"
    const rateLimit = {
      perAddress,
      login: { perAccount: perAddress, perAddress },
      refresh: { perAddress },
      mail: { perAddress },
    }
    writeFileSync(service.path("nightlatch.config.json"), JSON.stringify({ rateLimit }))
    await service.start()
    await service.create("ada")
    const cookie = await service.signIn("ada")
    await ask(service.port(), "/auth/email-link", { json: { email: "ada@example.com" } })
    await ask(service.port(), "/auth/password/forgot", { json: { email: "ada@example.com" } })
    await delay(300)
    const copy = service.path("copy.db")
    assert.equal((await service.run(`backup ${copy}`)).code, 0)
    const values = valuesIn(copy)
    assert.ok(values.length > 20)
    for (const secret of secretsOf()) assert.ok(!values.some((value) => value.includes(secret ?? "?")))

    const names = cookie.split("; ").map((pair) => pair.split("=")[0] ?? "")
    let tried = 0
    for (const value of values) {
      const forged = names.map((name) => `${name}=${value}`).join("; ")
      assert.equal((await service.me(forged)).status, 401)
      for (const [path, json] of [
        ["/auth/refresh", {}],
        ["/auth/register/complete", { token: value, password: "seven copper lanterns drift" }],
        ["/auth/password/reset", { token: value, password: "seven copper lanterns drift" }],
        ["/auth/email-link/complete", { token: value }],
      ] as const) {
        const { status, headers } = await service.post(path, forged, json)
        assert.ok(status >= 400 && status < 500 && status !== 429, `${path} ${status}`)
        assert.equal(headers["set-cookie"]?.toString().includes("access_token") ?? false, false)
        tried++
      }
    }
    assert.ok(tried > 80)
    assert.equal((await service.me(cookie)).status, 200)

    await service.stop()
    const [block = ""] = blocksOf("The database has leaked")
    await shell(block)
    await service.start()
    assert.equal((await service.me(cookie)).status, 401)
    assert.equal(codeOf(await service.refresh(cookie)), "session.ended")
    assert.equal((await service.login("ada")).status, 200)
  })
})

/** The cookies of a session, with an access token that the secret signed for somebody else. */
function forge(secret: string, origin: string, cookie: string): string {
  const tokens = createTokens({
    policy: readToken({}, new Faults()),
    keys: new KeyRing([secret], new URL(origin)).keys("access-signing"),
    origin: new URL(origin),
    clock: Date.now,
  })
  const id = Buffer.alloc(16, 7).toString("base64url")
  const { token } = tokens.issue({
    userId: id,
    sessionId: id,
    authenticatedAt: Date.now(),
    methods: ["pwd"],
    roles: ["admin"],
    epoch: 1,
  })
  const name = /[^; ]*access_token[^=]*/.exec(cookie)?.[0]
  assert.ok(name !== undefined)
  return `${name}=${token}`
}

/** Every value of every table that could be presented somewhere, in each form that a token has. */
function valuesIn(path: string): readonly string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    .all()
  const found = new Set<string>()
  for (const { name } of tables) {
    for (const row of db.prepare(`SELECT * FROM ${String(name)}`).all()) {
      for (const value of Object.values(row)) {
        if (value instanceof Uint8Array) {
          found.add(Buffer.from(value).toString("base64url")).add(Buffer.from(value).toString("hex"))
        } else if (typeof value === "string" && /^[\w$+/=,.-]{16,}$/.test(value)) found.add(value)
      }
    }
  }
  db.close()
  return [...found]
}
