/** Two services and the commands as processes of their own on one PostgreSQL. */
import assert from "node:assert/strict"
import { readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { ask as administer, withDatabase } from "../store/postgres-server.ts"
import { ask, command, cookiesOf, killAll, openFolder, type Running, serve } from "./process.ts"

const PASSWORD = "violet kettle ninety moss"
const EMAIL = "someone@example.com"
const ORIGIN = "http://localhost:3000"
const AT = { host: "localhost:3000" }
const UNSAFE = { ...AT, "x-nightlatch": "1" }
/** The promise is 2 s; a busy machine may be late by itself. */
const PATIENCE_MS = 6_000

after(killAll)

withDatabase("two services on one PostgreSQL", (url) => {
  const folder = openFolder()
  let [one, two]: Running[] = []
  let environment: Record<string, string> = {}

  before(async () => {
    writeFileSync(join(folder.path, "url"), `${url()}\n`, { mode: 0o600 })
    environment = {
      NIGHTLATCH_DATABASE_FILE: "url",
      NIGHTLATCH_SECRET: generateSecret(),
      NIGHTLATCH_ORIGIN: ORIGIN,
    }
    const words = ["--tolerated-delay", "0.3"]
    ;[one, two] = await Promise.all([
      serve(folder.path, words, environment),
      serve(folder.path, words, environment),
    ])
  })
  after(async () => {
    await Promise.all([one?.stop("SIGTERM"), two?.stop("SIGTERM")])
    folder.remove()
  })

  const run = (...words: string[]) => command(folder.path, words, `${PASSWORD}\n`, environment)
  const port = (which: Running | undefined) => which?.port ?? 0
  const login = (which: Running | undefined, email = EMAIL) =>
    ask(port(which), "/auth/login", { json: { email, password: PASSWORD }, headers: AT })
  const me = (which: Running | undefined, cookie: string) =>
    ask(port(which), "/auth/me", { headers: { ...AT, cookie } })

  async function untilRefused(which: Running | undefined, cookie: string): Promise<void> {
    const began = performance.now()
    while ((await me(which, cookie)).status === 200 && performance.now() - began < PATIENCE_MS)
      await new Promise((later) => setTimeout(later, 25))
    assert.equal((await me(which, cookie)).status, 401)
  }

  it("made the schema once, and keep the development inbox's key in a private file", () => {
    assert.equal(statSync(join(folder.path, "data", "inbox-key")).mode & 0o777, 0o600)
    assert.equal(readFileSync(join(folder.path, "data", ".gitignore"), "utf8"), "*\n")
  })

  it("take accounts from the command line, which says where they are and not how to get in", async () => {
    assert.equal((await run("user", "create", EMAIL, "--password-stdin")).code, 0)
    assert.match((await run("user", "list")).out, /someone@example\.com {2}active/)
    assert.match((await run("events")).out, /Account created/)
    const migrated = await run("migrate")
    assert.equal(
      migrated.out,
      `postgres://${new URL(url()).host}${new URL(url()).pathname} has this version's schema.\n`,
    )
  })

  it("have nothing to migrate, and print the roles for a server that is prepared anew", async () => {
    assert.match((await run("migrate", "--plan")).out, /nothing to do/)
    const { out } = await run("migrate", "--roles")
    assert.match(out, /^CREATE ROLE nightlatch_service LOGIN;$/m)
    assert.equal((await run("migrate", "--roles", "--plan")).code, 2)
  })

  it("refuse a password on the command line, whatever it is for", async () => {
    const secret = "postgres://app:marked-word@127.0.0.1/app"
    const { code, out, error } = await command(folder.path, ["user", "list", "--database", secret])
    assert.equal(code, 2)
    assert.match(error, /NIGHTLATCH_DATABASE_FILE/)
    assert.ok(!(out + error).includes("marked-word"))
  })

  it("know one another's sessions, and refuse what the other ended", async () => {
    const cookie = cookiesOf(await login(one))
    assert.equal((await me(two, cookie)).status, 200)
    const out = await ask(port(two), "/auth/logout", { method: "POST", headers: { ...UNSAFE, cookie } })
    assert.equal(out.status, 204)
    await untilRefused(one, cookie)
  })

  it("rotate a refresh token wherever it is presented, and end the session of a used one", async () => {
    const first = cookiesOf(await login(one))
    const refresh = (which: Running | undefined, cookie: string) =>
      ask(port(which), "/auth/refresh", { method: "POST", headers: { ...UNSAFE, cookie } })
    const second = cookiesOf(await refresh(two, first))
    await new Promise((later) => setTimeout(later, 2_000))
    const third = cookiesOf(await refresh(one, second))
    assert.equal((await me(two, third)).status, 200)
    assert.equal((await refresh(two, first)).status, 401)
    await untilRefused(one, third)
    assert.match((await run("events")).out, /someone@example\.com/)
  })

  it("end the sessions of a disabled account, whoever disabled it", async () => {
    const cookies = [cookiesOf(await login(one)), cookiesOf(await login(two))]
    assert.equal((await run("user", "disable", EMAIL)).code, 0)
    for (const cookie of cookies) for (const which of [one, two]) await untilRefused(which, cookie)
    assert.equal((await login(one)).status, 401)
  })

  it("say on the checklist what the database is", async () => {
    const { text } = await ask(port(one), "/", { headers: { ...AT, accept: "application/json" } })
    const { lines } = JSON.parse(text) as { lines: { id: string; why: string }[] }
    assert.match(lines.find(({ id }) => id === "database")?.why ?? "", /^PostgreSQL \d+/)
    const rows = await administer(url(), "SELECT count(*)::int AS n FROM nightlatch.account")
    assert.equal(rows[0]?.n, 1)
  })
})
