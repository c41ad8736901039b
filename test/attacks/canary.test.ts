/** Marked secrets go through every flow; afterwards they are looked for everywhere. */
import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { it } from "node:test"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { MisuseError } from "../../src/index.ts"
import { readPolicies } from "../../src/latch/policy.ts"
import { openStage, signUp } from "../flows/stage.ts"

const PASSWORD = "canary-password marmalade otter 71"
const NEXT = "canary-next harbour walnut 38"
const WRONG = "canary-wrong velvet tundra 92"

it("no secret of any flow is in a log, an error, an answer it does not belong in, or a cell of the database", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-canary-"))
  const path = join(folder, "data", "nightlatch.db")
  const secret = generateSecret()
  const stage = await openStage({ database: path, secret, bearer: true })
  const secrets = new Map<string, string>([
    ["root secret", secret],
    ["password", PASSWORD],
    ["next password", NEXT],
    ["wrong password", WRONG],
  ])
  const answers: string[] = []
  const browser = await signUp(stage, "canary@example.com", PASSWORD)
  secrets.set("register token", await stage.tokenFor("canary@example.com"))
  const keep = () => {
    for (const [name, value] of browser.jar) secrets.set(`${name} ${secrets.size}`, value)
  }
  keep()
  const post = async (path: string, json?: unknown) => answers.push((await browser.post(path, json)).text)
  await post("/auth/login", { email: "canary@example.com", password: WRONG })
  await post("/auth/login", { email: "canary@example.com", password: PASSWORD })
  keep()
  const stolen = browser.copy()
  await post("/auth/refresh")
  keep()
  await post("/auth/password/change", { currentPassword: WRONG, newPassword: NEXT })
  await post("/auth/password/change", { currentPassword: PASSWORD, newPassword: NEXT })
  keep()
  await post("/auth/password/forgot", { email: "canary@example.com" })
  const reset = await stage.tokenFor("canary@example.com", "reset")
  secrets.set("reset token", reset)
  await post("/auth/password/reset", { token: reset, password: "canary" })
  await post("/auth/password/reset", { token: reset, password: PASSWORD })
  await post("/auth/register/complete", { token: reset, password: PASSWORD })
  answers.push((await stolen.post("/auth/refresh")).text)
  for (const [, value] of [...secrets]) {
    answers.push((await stage.ask(`/auth/${encodeURIComponent(value)}`)).text)
    answers.push(
      (
        await stage.ask("/auth/login", {
          body: `{"email":"${value}","password":"${value}"`,
          headers: { "content-type": "application/json" },
        })
      ).text,
    )
    answers.push(
      (await stage.ask("/auth/login", { json: { email: value, password: value, [value.slice(0, 20)]: 1 } }))
        .text,
    )
    answers.push(
      (await stage.ask("/auth/me", { headers: { authorization: `Bearer ${value.replaceAll(" ", "")}` } }))
        .text,
    )
  }
  await stage.close()

  const cells = cellsOf(path)
  assert.ok(cells.length > 50 && stage.logged.length > 20 && secrets.size >= 10)
  t.diagnostic(
    `${secrets.size} secrets, ${stage.logged.length} log lines, ${answers.length} answers, ${cells.length} cells`,
  )
  const raw = Buffer.concat(["", "-wal"].map((end) => readOrEmpty(path + end)))
  for (const [name, value] of secrets) {
    // A path that a client chose stands in the log as it came; everything else must not.
    const lines = stage.logged.filter((line) => !line.includes(`"path":"/auth/${encodeURIComponent(value)}`))
    assert.ok(!lines.some((line) => line.includes(value)), `${name} is in the log`)
    assert.ok(!answers.some((text) => text.includes(value)), `${name} is in an answer`)
    assert.ok(!cells.some((cell) => cell.includes(value)), `${name} is in the database`)
    assert.ok(!raw.includes(value), `${name} is in the database's file`)
    for (const form of [Buffer.from(value, "base64url"), Buffer.from(value, "utf8")]) {
      if (form.byteLength >= 16)
        assert.ok(!raw.includes(form), `the bytes of ${name} are in the database's file`)
    }
  }
  rmSync(folder, { recursive: true, force: true })
})

it("no fault of a configuration repeats a value of it", () => {
  const secret = "canary-secret"
  const options = {
    origin: "https://canary-origin.example/canary-path",
    secret,
    database: "",
    basePath: "canary path",
    mail: { smtpUrl: "smtp://user:canary-smtp@mail.example/canary?x=canary", from: "canary from" },
    session: { idleSeconds: "canary" },
    unsafe: { acceptRevokedUntilExpiry: "canary" },
  }
  assert.throws(
    () => readPolicies(options),
    (error: unknown) =>
      error instanceof MisuseError &&
      error.faults.length > 5 &&
      !error.message.includes("canary-s") &&
      !/canary(?!-origin)/.test(error.message.replaceAll("https://canary-origin.example", "")),
  )
})

function cellsOf(path: string): string[] {
  const raw = new DatabaseSync(path, { readOnly: true })
  const tables = raw
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map(({ name }) => String(name))
  const cells = tables.flatMap((table) =>
    raw
      .prepare(`SELECT * FROM "${table}"`)
      .all()
      .flatMap((row) =>
        Object.values(row).flatMap((value) =>
          value instanceof Uint8Array
            ? [
                Buffer.from(value).toString("base64url"),
                Buffer.from(value).toString("hex"),
                Buffer.from(value).toString("latin1"),
              ]
            : [String(value)],
        ),
      ),
  )
  raw.close()
  return cells
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
