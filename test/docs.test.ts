/** What docs/ says, done: the commands of each page in a shell, and every link followed. */
import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { existsSync, globSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it, type TestContext } from "node:test"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { ask, command, openFolder, type Running, serve } from "./service/process.ts"
import { createDatabase, withServer } from "./store/postgres-server.ts"

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL("..", import.meta.url))
const page = (name: string) => readFileSync(join(ROOT, "docs", name), "utf8")
const blocksOf = (text: string, language = "sh"): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, block]) => block ?? "",
  )

/** A folder that is the project for npm, with data of its own. */
function openCopy(t: TestContext): string {
  const { path, remove } = openFolder()
  t.after(remove)
  for (const name of ["package.json", "src", "bin", "scripts", "node_modules"])
    symlinkSync(join(ROOT, name), join(path, name))
  return path
}

async function shell(folder: string, text: string): Promise<string> {
  const { CI: _, ...environment } = process.env
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", text], { cwd: folder, env: environment })
  return stdout
}

describe("docs", () => {
  it("link to what is there", () => {
    let links = 0
    for (const path of globSync("docs/*.md", { cwd: ROOT })) {
      const text = readFileSync(join(ROOT, path), "utf8")
      for (const [, target = ""] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        links++
        assert.ok(existsSync(resolve(ROOT, dirname(path), target)), `${path}: ${target}`)
      }
    }
    assert.ok(links > 0)
  })

  it("disaster.md backs up, restores and acknowledges", async (t) => {
    const folder = openCopy(t)
    await shell(folder, "npm run -s nightlatch -- user invite ada@example.com")
    const [backup = "", restore = "", acknowledge = ""] = blocksOf(page("disaster.md"))
    const here = (text: string) => text.replaceAll("/tmp/", `${folder}/`)
    assert.match(await shell(folder, here(backup)), /1 accounts, \d+ bytes, checked[\s\S]*1 accounts/)
    assert.match(await shell(folder, here(restore)), /^Restored from [\s\S]*nothing had changed/)
    assert.match(await shell(folder, acknowledge), /^The database is taken as it is/)
  })

  it("upgrade.md backs up, plans and migrates", async (t) => {
    const folder = openCopy(t)
    await shell(folder, "npm run -s nightlatch -- user invite ada@example.com")
    const path = join(folder, "data", "nightlatch.db")
    const [upgrade = ""] = blocksOf(page("upgrade.md"))
    assert.match(
      await shell(folder, upgrade),
      /1 accounts, \d+ bytes, checked[\s\S]*nothing to do\.\n.*has this version's schema\.\n$/,
    )
    const database = new DatabaseSync(path)
    database.exec("PRAGMA user_version = 99")
    database.close()
    const refused = await shell(folder, "npm run -s nightlatch -- migrate 2>&1 || true")
    assert.match(refused, /store\.newer_schema/)
  })

  it("import.md imports", async (t) => {
    const folder = openCopy(t)
    const hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    writeFileSync(join(folder, "users.csv"), `email,hash,verified\nada@example.com,${hash},true\n`)
    const user = { email: "eve@example.com", emailVerified: true, passwordHash: "A".repeat(86), salt: "Bw==" }
    writeFileSync(join(folder, "firebase.json"), JSON.stringify({ users: [user] }))
    const config = [
      `base64_signer_key: ${"B".repeat(86)}==,`,
      "base64_salt_separator: Bw==,",
      "rounds: 8,",
      "mem_cost: 14,",
    ]
    writeFileSync(join(folder, "hash-config.txt"), `hash_config {\n  ${config.join("\n  ")}\n}\n`)
    const [csv = "", firebase = ""] = blocksOf(page("import.md"))
    assert.match(await shell(folder, csv), /1 would be imported[\s\S]*1 imported/)
    assert.match(await shell(folder, firebase), /1 imported/)
  })
})

describe("other-services.md", () => {
  const { path: folder, remove } = openFolder()
  const PASSWORD = "violet kettle ninety moss"
  let service: Running
  let token = ""
  const run = (line: string, input = "") => command(folder, line.split(" "), input)
  const signIn = async () => {
    const body = JSON.stringify({ email: "ada@example.com", password: PASSWORD, transport: "bearer" })
    const headers = { "content-type": "application/json" }
    const answer = await ask(service.port, "/auth/login", { method: "POST", headers, body })
    assert.equal(answer.status, 200, answer.text)
    return String(JSON.parse(answer.text).accessToken)
  }
  before(async () => {
    writeFileSync(join(folder, "nightlatch.config.json"), JSON.stringify({ bearer: true }))
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"))
    service = await serve(folder)
    await run("user create ada@example.com --password-stdin --role admin", `${PASSWORD}\n`)
    token = await signIn()
  })
  after(async () => {
    await service.stop("SIGTERM")
    remove()
  })

  /** The page's own program, beside this service. */
  async function program<Result>(at: number): Promise<Result> {
    const [text = ""] = blocksOf(page("other-services.md"), "js").slice(at)
    const file = join(folder, `program-${at}.mjs`)
    writeFileSync(file, text.replaceAll("localhost:3000", `localhost:${service.port}`))
    return (await import(pathToFileURL(file).href)) as Result
  }

  it("asks, verifies, and says what each of them does not know", async () => {
    const { whoAsks } = await program<{ whoAsks(token: string): Promise<Session | undefined> }>(0)
    const { verify } = await program<{ verify(token: string): Promise<Claims> }>(1)
    const session = await whoAsks(token)
    const claims = await verify(token)
    assert.ok(session?.userId)
    assert.deepEqual(session.roles, ["admin"])
    assert.deepEqual([claims.sub, claims.sid, claims.roles], [session.userId, session.sessionId, ["admin"]])
    for (const other of [`${token.slice(0, -4)}AAAA`, "", token.split(".").slice(0, 2).join(".")]) {
      assert.equal(await whoAsks(other), undefined)
      await assert.rejects(verify(other))
    }

    assert.equal((await run("user disable ada@example.com")).code, 0)
    const patience = performance.now() + 10_000
    while ((await whoAsks(token)) !== undefined) assert.ok(performance.now() < patience, "never revoked")
    assert.equal((await verify(token)).sub, session.userId, "public keys know of no revocation")
  })

  it("tells its answers apart: not served here, and too many questions", async () => {
    const headers = { host: "elsewhere.example", authorization: `Bearer ${token}` }
    assert.equal((await ask(service.port, "/auth/me", { headers })).status, 421)
    const { whoAsks } = await program<{ whoAsks(token: string): Promise<unknown> }>(0)
    const asked = async () => {
      for (let time = 0; time < 700; time++) await whoAsks(token)
    }
    await assert.rejects(asked, /Nightlatch says 429/)
  })
})

interface Session {
  readonly userId: string
  readonly sessionId: string
  readonly roles: readonly string[]
}

interface Claims {
  readonly sub: string
  readonly sid: string
  readonly roles: readonly string[]
}

withServer("docs, with PostgreSQL", () => {
  it("move.md moves", async (t) => {
    const folder = openCopy(t)
    const database = await createDatabase()
    t.after(() => database.drop())
    await shell(folder, "npm run -s nightlatch -- user invite ada@example.com")
    const [move = ""] = blocksOf(page("move.md"))
    const here = move.replace(/postgres:\/\/\S+/, database.url)
    assert.notEqual(here, move)
    assert.match(await shell(folder, here), /^Moved to postgres:[^@]+, counted and compared: 1 account/)
  })
})
