/** Marked secrets go through every flow; afterwards they are looked for everywhere. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { it } from "node:test"
import { SMTPServer } from "smtp-server"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { MisuseError } from "../../src/index.ts"
import { readPolicies } from "../../src/latch/policy.ts"
import { openStage, signUp } from "../flows/stage.ts"
import { ask, openFolder, serve } from "../service/process.ts"

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
    ["inbox key", stage.latch.developmentKey ?? ""],
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
  await post("/auth/login", { email: "canary@example.com", password: PASSWORD })
  await post("/auth/email-link", { email: "canary@example.com" })
  keep()
  const link = await stage.tokenFor("canary@example.com", "email-link")
  secrets.set("link token", link)
  await post("/auth/email-link/complete", { token: link })
  keep()
  const bearer = (path: string, json: object) => stage.ask(path, { json })
  let program = { email: "canary@example.com", password: PASSWORD, transport: "bearer" } as object
  for (const path of ["/auth/login", "/auth/refresh"]) {
    const { accessToken, refreshToken } = (await bearer(path, program)).json
    for (const token of [accessToken, refreshToken]) secrets.set(`bearer ${secrets.size}`, String(token))
    program = { refreshToken }
  }
  await stage.tick(30_000)
  answers.push((await bearer("/auth/refresh", { ...program, more: 1 })).text)
  answers.push((await bearer("/auth/logout", program)).text)
  answers.push((await bearer("/auth/refresh", program)).text)
  for (const [, value] of [...secrets]) {
    for (const path of ["", "reset/", "dev/inbox/", "dev/inbox?key=x", "me?token="])
      answers.push((await stage.ask(`/auth/${path}${encodeURIComponent(value)}`)).text)
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
  assert.ok(cells.length > 50 && stage.logged.length > 20 && secrets.size >= 20)
  t.diagnostic(
    `${secrets.size} secrets, ${stage.logged.length} log lines, ${answers.length} answers, ${cells.length} cells`,
  )
  const raw = Buffer.concat(["", "-wal"].map((end) => readOrEmpty(path + end)))
  for (const [name, value] of secrets) {
    for (const form of [value, encodeURIComponent(value)])
      assert.ok(!stage.logged.some((line) => line.includes(form)), `${name} is in the log`)
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

it("no secret of the service's own settings is in its output, an answer or its database", async (t) => {
  const folder = openFolder()
  const token = generateSecret()
  const smtp = "canary-smtp-password"
  const botKey = "canary-bot-check-secret-key"
  const seen: string[] = []
  const mailServer = new SMTPServer({
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    // A server may say what it was given.
    onAuth: ({ username, password }, _session, done) => {
      seen.push(`${username} ${password}`)
      done(new Error(`535 no: ${username} ${password}`))
    },
  })
  mailServer.listen(0, "127.0.0.1")
  await once(mailServer.server, "listening")
  const { port } = mailServer.server.address() as AddressInfo
  const secret = generateSecret()
  const service = await serve(folder.path, [], {
    NIGHTLATCH_SECRET: secret,
    NIGHTLATCH_OPERATOR_TOKEN: token,
    NIGHTLATCH_SMTP_URL: `smtp://mailer:${smtp}@127.0.0.1:${port}`,
    NIGHTLATCH_MAIL_FROM: "accounts@example.com",
    NIGHTLATCH_BOT_CHECK: "turnstile",
    NIGHTLATCH_BOT_CHECK_SITE_KEY: "public-site-key",
    NIGHTLATCH_BOT_CHECK_SECRET_KEY: botKey,
  })
  t.after(async () => {
    await service.stop("SIGKILL")
    await new Promise((closed) => mailServer.close(() => closed(undefined)))
    folder.remove()
  })
  const answers: string[] = []
  const say = async (path: string, given: Parameters<typeof ask>[2] = {}) => {
    const answer = await ask(service.port, path, given)
    answers.push(answer.text, JSON.stringify(answer.headers))
    return answer
  }
  const form = {
    "content-type": "application/x-www-form-urlencoded",
    origin: `http://localhost:${service.port}`,
  }
  assert.equal((await say("/operator", { body: `token=${token}`, headers: form })).status, 303)
  for (const value of [token, `${token}A`, smtp, secret, botKey]) {
    for (const path of [`/?token=${value}`, `/operator?token=${value}`, `/${value}`, `/auth/${value}`])
      await say(path)
    await say("/", { headers: { authorization: `Bearer ${value}` } })
    await say("/", { headers: { authorization: `Bearer ${value}`, accept: "application/json" } })
    await say("/operator", { body: `token=${value}`, headers: form })
  }
  await say("/auth/register", { json: { email: "canary@example.com" } })
  const patience = performance.now() + 20_000
  while (!service.output.text.includes("mail failed") && performance.now() < patience)
    await new Promise((later) => setTimeout(later, 20))
  assert.deepEqual(seen, [`mailer ${smtp}`])
  assert.match(service.output.text, /mail failed/)
  await service.stop("SIGTERM")
  const database = join(folder.path, "data", "nightlatch.db")
  const raw = Buffer.concat(["", "-wal"].map((end) => readOrEmpty(database + end)))
  assert.ok(raw.byteLength > 1_000 && answers.length > 20)
  for (const [name, value] of Object.entries({ token, smtp, secret, botKey })) {
    assert.ok(!service.output.text.includes(value), `${name} is in the output`)
    assert.ok(!answers.some((text) => text.includes(value)), `${name} is in an answer`)
    assert.ok(!raw.includes(value), `${name} is in the database's file`)
  }
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
