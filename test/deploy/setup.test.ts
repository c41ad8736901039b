/** `deploy/setup`: what it makes, what it leaves alone, and what the service says to its secrets. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, beforeEach, it } from "node:test"
import { readSecrets } from "../../src/checklist/secret/index.ts"
import { Faults } from "../../src/core/misuse.ts"
import { readEnvironment } from "../../src/service/environment.ts"
import { openScratch, run, type Scratch, withPrograms } from "./programs.ts"

const SECRETS = [
  ..."database-admin database-backup database-owner database-service".split(" "),
  ..."operator-token redis-url redis-users root-secret".split(" "),
]

withPrograms("deploy/setup", ["sh", "od", "sha256sum"], () => {
  let scratch: Scratch | undefined
  const at = (name: string) => scratch?.at(join("deploy", name)) ?? ""
  const text = (name: string) => readFileSync(at(name), "utf8")
  const setup = (words: readonly string[] = [], input = "") =>
    run(["sh", at("setup"), ...words], {}, scratch?.path ?? "", { input })
  const fill = (domain: string, email: string) =>
    writeFileSync(
      at(".env"),
      text(".env")
        .replace(/^DOMAIN=.*$/m, `DOMAIN=${domain}`)
        .replace(/^EMAIL=.*$/m, `EMAIL=${email}`),
    )
  beforeEach(() => {
    scratch?.remove()
    scratch = openScratch()
  })
  after(() => scratch?.remove())

  it("makes every secret once, for its owner and one group, and says what is left", async () => {
    const first = await setup()
    assert.equal(first.code, 1)
    for (const left of [/DOMAIN in \.env/, /EMAIL in \.env/, /setup --smtp/]) assert.match(first.output, left)
    assert.deepEqual(readdirSync(at("secrets")).sort(), SECRETS)
    assert.equal(statSync(at("secrets")).mode & 0o777, 0o700)
    assert.equal(statSync(at(".env")).mode & 0o777, 0o600)
    const group = Number(/^SECRETS_GROUP=(\d+)$/m.exec(text(".env"))?.[1])
    assert.notEqual(group, 0)
    const values = new Map(SECRETS.map((name) => [name, text(`secrets/${name}`)]))
    for (const name of SECRETS) {
      const { mode, gid } = statSync(at(`secrets/${name}`))
      assert.deepEqual([mode & 0o777, gid], [0o440, group], name)
    }
    assert.equal(new Set(values.values()).size, SECRETS.length)
    for (const value of values.values()) assert.ok(!first.output.includes(value.trim()))

    fill("auth.example.com", "operator@example.com")
    const smtp = "smtps://user:pass%20word@mail.example.com"
    const second = await setup(["--smtp"], `${smtp}\n`)
    assert.equal(second.code, 0, second.output)
    assert.match(second.output, /Ready: docker compose up -d --build/)
    assert.doesNotMatch(second.output, /pass%20word/)
    assert.equal(text("secrets/smtp-url"), `${smtp}\n`)
    assert.match(text(".env"), /^MAIL_FROM=no-reply@auth\.example\.com$/m)
    const env = text(".env")
    const third = await setup()
    assert.equal(third.code, 0, third.output)
    assert.doesNotMatch(third.output, /^made/m)
    assert.equal(text(".env"), env)
    for (const [name, value] of values) assert.equal(text(`secrets/${name}`), value, `${name} stays`)
  })

  it("makes secrets that the service takes", async () => {
    await setup()
    await setup(["--smtp"], "smtp://mail.example.com\n")
    const faults = new Faults()
    const files = {
      NIGHTLATCH_SECRET_FILE: "root-secret",
      NIGHTLATCH_OPERATOR_TOKEN_FILE: "operator-token",
      NIGHTLATCH_DATABASE_FILE: "database-service",
      NIGHTLATCH_REDIS_FILE: "redis-url",
      NIGHTLATCH_SMTP_URL_FILE: "smtp-url",
    }
    const environment = Object.fromEntries(
      Object.entries(files).map(([name, file]) => [name, at(`secrets/${file}`)]),
    )
    const read = readEnvironment(environment, scratch?.path ?? "", faults)
    assert.equal(read.size, 5)
    readSecrets(text("secrets/root-secret"), new URL("https://auth.example.com"), faults)
    assert.deepEqual(faults.list, [])
    const password = new URL(text("secrets/redis-url")).password
    const hash = createHash("sha256").update(password).digest("hex")
    assert.ok(text("secrets/redis-users").includes(`#${hash} `))
    assert.ok(!text("secrets/redis-users").includes(password))
  })

  it("makes anew what was removed, and no half of a pair", async () => {
    await setup()
    const before = text("secrets/database-service")
    rmSync(at("secrets/database-service"))
    await setup()
    assert.notEqual(text("secrets/database-service"), before)
    rmSync(at("secrets/redis-url"))
    const half = await setup()
    assert.equal(half.code, 1)
    assert.match(half.output, /redis-users only one is there/)
    assert.ok(!existsSync(at("secrets/redis-url")))
  })

  it("refuses names that no certificate is for, and mail servers that are none", async () => {
    await setup()
    for (const domain of [
      "localhost",
      "intranet",
      "https://auth.example.com",
      "AUTH.example.com",
      "a b.example",
      "-x.example",
      "auth..example",
      "auth.example.com.",
    ]) {
      fill(domain, "operator@example.com")
      const { code, output } = await setup()
      assert.equal(code, 1, domain)
      assert.match(output, /left {4}DOMAIN in \.env is not/, domain)
    }
    fill("auth.example.com", "nobody")
    assert.match((await setup()).output, /left {4}EMAIL/)
    assert.match((await setup(["--smtp"], "mail.example.com\n")).output, /not smtp:/)
    assert.equal((await setup(["--smtp"], "")).code, 1)
    assert.ok(!existsSync(at("secrets/smtp-url")))
  })

  it("explains itself, and does nothing at a word it does not know", async () => {
    const help = await setup(["--help"])
    assert.equal(help.code, 0)
    assert.match(help.output, /\.\/setup --smtp/)
    assert.equal((await setup(["--force"])).code, 2)
    assert.ok(!existsSync(at(".env")) && !existsSync(at("secrets")))
  })
})
