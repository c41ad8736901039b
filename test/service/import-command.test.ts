/** `nightlatch user import` as an operator runs it: beside a running service, from each kind of file. */
import assert from "node:assert/strict"
import { pbkdf2Sync } from "node:crypto"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, before, describe, it } from "node:test"
import { ask, command, cookiesOf, killAll, openFolder, type Running, serve } from "./process.ts"

const PASSWORD = "seven copper lanterns drift"
const ROUNDS = 1000

/** As Django stores it. */
function djangoHash(password: string): string {
  const hash = pbkdf2Sync(password, "salt", ROUNDS, 32, "sha256").toString("base64")
  return `pbkdf2_sha256$${ROUNDS}$salt$${hash}`
}

describe("user import, beside a running service", () => {
  const folder = openFolder()
  let service: Running
  before(async () => {
    service = await serve(folder.path)
  })
  after(async () => {
    await service.stop("SIGTERM")
    killAll()
    folder.remove()
  })
  const login = (email: string, password: string) =>
    ask(service.port, "/auth/login", { json: { email, password } })
  const stored = (email: string): Record<string, unknown> => {
    const raw = new DatabaseSync(join(folder.path, "data/nightlatch.db"), { readOnly: true })
    const row = raw.prepare("SELECT * FROM account WHERE email = ?").get(email)
    raw.close()
    return row ?? {}
  }

  it("takes accounts over: each signs in with the old password, and then has a hash of ours", async () => {
    writeFileSync(
      join(folder.path, "users.csv"),
      [
        "email,hash,roles,verified,created_at,disabled,phone",
        `ada@example.com,${djangoHash(PASSWORD)},admin;editor,true,2020-01-02T03:04:05Z,false,123`,
        `eve@example.com,${djangoHash(PASSWORD)},,false,,,`,
        `off@example.com,${djangoHash(PASSWORD)},,true,,true,`,
        `bad@example.com,"md5:5f4dcc3b5aa765d61d8327deb882cf99",,true,,,`,
        `ada@example.com,${djangoHash(PASSWORD)},,true,,,`,
      ].join("\n"),
    )
    const dry = await command(folder.path, ["user", "import", "users.csv", "--dry-run"])
    assert.equal(dry.code, 1, dry.error)
    assert.match(dry.out, /^5 rows: 3 would be imported, 1 already there, 1 not taken\.$/m)
    assert.deepEqual(stored("ada@example.com"), {})

    const ran = await command(folder.path, ["user", "import", "users.csv"])
    assert.equal(ran.code, 1)
    assert.match(ran.out, /^5 rows: 3 imported, 1 already there, 1 not taken\.$/m)
    assert.match(ran.out, /^1 without a password/m)
    assert.match(ran.out, /^Not used: phone\.$/m)
    assert.match(ran.error, /^line 5: the hash cannot be used: its form is not known$/m)
    assert.match(ran.error, /^line 6: its address is on an earlier line too$/m)
    assert.doesNotMatch(ran.out + ran.error, /5f4dcc|pbkdf2/)
    const ada = stored("ada@example.com")
    assert.deepEqual([ada.roles, ada.created_at], ['["admin","editor"]', Date.UTC(2020, 0, 2, 3, 4, 5)])

    assert.equal((await login("ada@example.com", "seven copper lanterns drown")).status, 401)
    assert.equal(stored("ada@example.com").password_hash, djangoHash(PASSWORD))
    const first = await login("ada@example.com", PASSWORD)
    assert.equal(first.status, 200, first.text)
    const me = await ask(service.port, "/auth/me", { headers: { cookie: cookiesOf(first) } })
    assert.match(me.text, /"roles":\["admin","editor"\]/)
    assert.match(String(stored("ada@example.com").password_hash), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    assert.equal((await login("ada@example.com", PASSWORD)).status, 200)
    assert.equal((await login("ada@example.com", "seven copper lanterns drown")).status, 401)
    const { out } = await command(folder.path, ["events", "--account", "ada@example.com"])
    assert.match(out, /Account created[\s\S]*Password hash renewed/)

    // Nobody proved that mailbox, and that account is disabled.
    assert.equal((await login("eve@example.com", PASSWORD)).status, 401)
    assert.equal((await login("off@example.com", PASSWORD)).status, 401)
  })

  it("can be run again: what is there already is told and stays", async () => {
    const before = stored("ada@example.com")
    const ran = await command(folder.path, ["user", "import", "users.csv"])
    assert.match(ran.out, /^5 rows: 0 imported, 4 already there, 1 not taken\.$/m)
    assert.match(ran.error, /^line 2: there is already an account with this address$/m)
    assert.deepEqual(stored("ada@example.com"), before)
  })

  it("shows on the checklist how many hashes of others are left", async () => {
    const left = () => {
      const raw = new DatabaseSync(join(folder.path, "data/nightlatch.db"), { readOnly: true })
      const row = raw.prepare("SELECT count(*) AS n FROM account WHERE password_hash LIKE 'pbkdf2%'").get()
      raw.close()
      return Number(row?.n)
    }
    assert.equal(left(), 1)
    await service.stop("SIGTERM")
    service = await serve(folder.path)
    const patience = performance.now() + 10_000
    for (;;) {
      const { text } = await ask(service.port, "/", { headers: { accept: "application/json" } })
      if (text.includes("1 account has a hash that another system made")) break
      assert.ok(performance.now() < patience, text)
      await new Promise((later) => setTimeout(later, 50))
    }
  })
})

describe("user import", () => {
  const folder = openFolder()
  after(() => folder.remove())
  const FIREBASE = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`
  const USER = {
    localId: "x",
    email: "fire@example.com",
    emailVerified: true,
    passwordHash: "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
    salt: "42xEC+ixf3L2lw==",
    createdAt: "1486324445000",
  }

  it("takes what Firebase exports, with the project's parameters from a file", async () => {
    writeFileSync(join(folder.path, "hash.txt"), FIREBASE)
    writeFileSync(join(folder.path, "users.json"), JSON.stringify({ users: [USER] }, null, 2))
    const ran = await command(folder.path, ["user", "import", "users.json", "--firebase", "hash.txt"])
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /^1 rows: 1 imported/m)
    assert.match(ran.out, /^Not used: localId\.$/m)
    const raw = new DatabaseSync(join(folder.path, "data/nightlatch.db"), { readOnly: true })
    const row = raw.prepare("SELECT * FROM account").get()
    raw.close()
    assert.match(String(row?.password_hash), /^\$firebase-scrypt\$ln=14,r=8\$42xEC\+ixf3L2lw\$Bw\$jxspr/)
    assert.equal(row?.created_at, 1_486_324_445_000)
  })

  it("reads lines of JSON from standard input", async () => {
    const input = '{"email":"one@example.com","verified":true}\n{"email":"two@example.com"}\n{"email":\n'
    const ran = await command(folder.path, ["user", "import", "-", "--format", "jsonl"], input)
    assert.equal(ran.code, 1)
    assert.match(ran.out, /^3 rows: 1 imported, 0 already there, 2 not taken\.$/m)
    assert.match(ran.error, /^line 2: verified is missing/m)
    assert.match(ran.error, /^line 3: it is not one JSON object/m)
    const said = await command(
      folder.path,
      ["user", "import", "-", "--format", "jsonl", "--verified", "true"],
      input,
    )
    assert.match(said.out, /1 imported, 1 already there, 1 not taken/)
  })

  it("stops at the first bad row when it shall be strict", async () => {
    const input = "email,verified\na@example.com,true\nnobody,true\nb@example.com,true\n"
    const ran = await command(folder.path, ["user", "import", "-", "--format", "csv", "--strict"], input)
    assert.equal(ran.code, 1)
    assert.match(ran.out, /^2 rows: 1 imported, 0 already there, 1 not taken\.\nReading stopped there/m)
    const { out } = await command(folder.path, ["user", "list"])
    assert.match(out, /^a@example\.com/m)
    assert.doesNotMatch(out, /b@example\.com/)
  })

  for (const [words, input, message] of [
    [["nothing.csv"], "", /nothing\.csv: there is no such file/],
    [["."], "", /give --format/],
    [[".", "--format", "csv"], "", /it is a folder/],
    [["-"], "", /give --format/],
    [["-", "--format", "xml"], "", /--format is one of csv, json, jsonl/],
    [["-", "--format", "csv", "--verified", "yes"], "", /--verified takes true or false/],
    [["-", "--format", "csv", "--firebase", "none.txt"], "", /none\.txt: there is no such file/],
    [["-", "--format", "csv", "--firebase", "users.json"], "", /base64_signer_key is missing/],
    [["-", "--format", "csv"], "name,hash\n", /the header has no column email/],
    [["-", "--format", "csv"], "email;hash\n", /the header has no column email/],
    [["-", "--format", "csv"], "email,hsah\n", /there is no column hsah[\s\S]*Did you mean hash\?/],
    [["-", "--format", "csv"], "email,hash,passwordHash\n", /the column hash is there twice/],
    [["-", "--format", "csv"], 'email,"hash\n', /not closed/],
  ] as const) {
    it(`is misuse: ${words.join(" ")} ${JSON.stringify(input)}`, async () => {
      const other = openFolder()
      for (const name of ["users.json"]) writeFileSync(join(other.path, name), "{}")
      const ran = await command(other.path, ["user", "import", ...words], input)
      assert.equal(ran.code, 2, ran.error)
      assert.match(ran.error, message)
      if (input === "") assert.ok(!existsSync(join(other.path, "data")), "a database was made for nothing")
      other.remove()
    })
  }

  it("takes many without holding them: a slow pipe of 20,000 rows, with words on the way", async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `u${index}@example.com,true`)
    const ran = await command(
      folder.path,
      ["user", "import", "-", "--format", "csv"],
      `email,verified\n${rows.join("\n")}\n`,
    )
    assert.equal(ran.code, 0, ran.error)
    assert.match(ran.out, /^20000 rows: 20000 imported, 0 already there, 0 not taken\.$/m)
  })
})
