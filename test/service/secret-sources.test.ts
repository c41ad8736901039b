/** The places a root secret may come from: exactly one, told by name, taken up when it changes. */
import assert from "node:assert/strict"
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, afterEach, describe, it } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { askSource, generateSecret } from "../../src/checklist/secret/index.ts"
import { type Fault, MisuseError } from "../../src/core/misuse.ts"
import { readConfiguration } from "../../src/service/configuration.ts"
import { type Operated, openService } from "./operated.ts"
import { command, killAll, openFolder } from "./process.ts"

const SECRET = generateSecret()
const OTHER = generateSecret()
const skip = process.platform === "win32"

const folders: { remove(): void }[] = []
after(() => {
  for (const { remove } of folders) remove()
})

type Files = Readonly<Record<string, string>>

function folderOf(files: Files = {}): string {
  const folder = openFolder()
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder.path, name, ".."), { recursive: true })
    writeFileSync(join(folder.path, name), text, { mode: 0o600 })
  }
  return folder.path
}

/** `@` in a value is the folder. */
function read(environment: Readonly<Record<string, string>>, files: Files = {}) {
  const folder = folderOf(files)
  const given = Object.entries(environment).map(([name, value]) => [name, value.replaceAll("@", folder)])
  return readConfiguration({ folder, environment: Object.fromEntries(given), starts: true })
}

async function faultsOf(run: Promise<unknown>): Promise<readonly Fault[]> {
  const error = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error === undefined) return []
  assert.ok(error instanceof MisuseError, String(error))
  for (const secret of [SECRET, OTHER]) assert.ok(!JSON.stringify(error.faults).includes(secret))
  return error.faults
}

const PRINT = "cat secret"

describe("a root secret", () => {
  it("comes as one a line or with commas between, from wherever it comes", async () => {
    for (const text of [`${SECRET},${OTHER}`, `${SECRET}\n${OTHER}\n`, `${SECRET}\r\n${OTHER}\r\n\r\n`]) {
      for (const environment of [
        { NIGHTLATCH_SECRET: text },
        { NIGHTLATCH_SECRET_FILE: "secret" },
        { NIGHTLATCH_SECRET_COMMAND: PRINT },
      ]) {
        const { secret, options } = await read(environment, { secret: text })
        const found = secret.ask === undefined ? options.secret : await askSource(secret.ask)
        assert.deepEqual(found, [SECRET, OTHER], JSON.stringify(environment))
        assert.equal(secret.source, Object.keys(environment)[0])
      }
    }
  })

  it("comes as a credential of systemd, and so does every setting that may come in a file", async () => {
    const files = {
      "credentials/nightlatch-secret": `${SECRET}\n`,
      "credentials/nightlatch-operator-token": `${OTHER}\n`,
      "credentials/other-service": "x",
    }
    const { secret, options, operatorToken, sources } = await read(
      { CREDENTIALS_DIRECTORY: "@/credentials" },
      files,
    )
    assert.deepEqual(options.secret, [SECRET])
    assert.equal(operatorToken, OTHER)
    assert.equal(secret.source, "the credential nightlatch-secret")
    assert.equal(sources.get("operatorToken"), "the credential nightlatch-operator-token")
    assert.deepEqual(
      await read({ CREDENTIALS_DIRECTORY: "" }, { ".env": `NIGHTLATCH_SECRET=${SECRET}` }).then(
        ({ options }) => options.secret,
      ),
      [SECRET],
    )
  })

  it("that systemd mounted for a group is read, one that others read is not", { skip }, async () => {
    for (const [mode, code] of [
      [0o400, undefined],
      [0o440, undefined],
      [0o444, "secret.readable"],
    ] as const) {
      const folder = folderOf({ "credentials/nightlatch-secret": SECRET })
      chmodSync(join(folder, "credentials/nightlatch-secret"), mode)
      const environment = { CREDENTIALS_DIRECTORY: join(folder, "credentials") }
      const [fault] = await faultsOf(readConfiguration({ folder, environment, starts: true }))
      assert.equal(fault?.code, code)
    }
  })

  const TWO: readonly (readonly [
    environment: Readonly<Record<string, string>>,
    files: Files,
    named: readonly RegExp[],
  ])[] = [
    [
      { NIGHTLATCH_SECRET: SECRET, NIGHTLATCH_SECRET_FILE: "secret" },
      {},
      [/^NIGHTLATCH_SECRET$/, /NIGHTLATCH_SECRET_FILE/],
    ],
    [
      { NIGHTLATCH_SECRET: SECRET, NIGHTLATCH_SECRET_COMMAND: PRINT },
      {},
      [/^NIGHTLATCH_SECRET$/, /NIGHTLATCH_SECRET_COMMAND/],
    ],
    [
      { NIGHTLATCH_SECRET_FILE: "secret", CREDENTIALS_DIRECTORY: "@/credentials" },
      {},
      [/^NIGHTLATCH_SECRET_FILE$/, /credential nightlatch-secret/],
    ],
    [
      { CREDENTIALS_DIRECTORY: "@/credentials", NIGHTLATCH_SECRET_COMMAND: PRINT },
      {},
      [/credential nightlatch-secret/, /NIGHTLATCH_SECRET_COMMAND/],
    ],
    [
      { NIGHTLATCH_SECRET_COMMAND: PRINT },
      { ".env": `NIGHTLATCH_SECRET=${OTHER}\n` },
      [/^NIGHTLATCH_SECRET in \.env$/, /NIGHTLATCH_SECRET_COMMAND/],
    ],
    [
      { NIGHTLATCH_SECRET_FILE: "secret" },
      { ".env": `NIGHTLATCH_SECRET=${OTHER}\n` },
      [/^NIGHTLATCH_SECRET_FILE$/, /NIGHTLATCH_SECRET in \.env/],
    ],
    [
      { NIGHTLATCH_SECRET: SECRET },
      { ".env": "NIGHTLATCH_VAULT_PATH=x\n" },
      [/^NIGHTLATCH_SECRET$/, /NIGHTLATCH_VAULT_PATH in \.env/],
    ],
    [
      { NIGHTLATCH_SECRET: SECRET },
      { "nightlatch.config.mjs": `export default { secretCommand: ["cat", "secret"] }` },
      [/^NIGHTLATCH_SECRET$/, /secretCommand in nightlatch\.config\.mjs/],
    ],
  ]
  for (const [environment, files, [first = /-/, second = /-/]] of TWO) {
    it(`is not taken from ${first.source} and ${second.source} at once`, async () => {
      const all = { secret: SECRET, "credentials/nightlatch-secret": SECRET, ...files }
      const faults = await faultsOf(read(environment, all))
      const fault = faults.find(({ code }) => code === "secret.two_sources" || code === "configuration.twice")
      assert.match(fault?.path ?? "", first, JSON.stringify(faults))
      assert.match(fault?.problem ?? "", second)
      assert.match(fault?.fix ?? "", /^Keep one of the two/)
    })
  }

  const WRONG: readonly (readonly [
    environment: Readonly<Record<string, string>>,
    path: RegExp,
    code: string,
  ])[] = [
    [
      { NIGHTLATCH_SECRET_COMMAND: "pass show nightlatch | head -n 1" },
      /^NIGHTLATCH_SECRET_COMMAND \(secretCommand\)$/,
      "secret.command",
    ],
    [{ NIGHTLATCH_SECRET_COMMAND: " " }, /^NIGHTLATCH_SECRET_COMMAND$/, "configuration.empty"],
    [{ CREDENTIALS_DIRECTORY: "@/none" }, /^CREDENTIALS_DIRECTORY$/, "configuration.credentials"],
    [{ CREDENTIALS_DIRECTORY: "credentials" }, /^CREDENTIALS_DIRECTORY$/, "configuration.credentials"],
    [
      { NIGHTLATCH_SECRET: SECRET, CREDENTIALS_DIRECTORY: "@/odd" },
      /^the credential nightlatch-secrets$/,
      "configuration.unknown",
    ],
    [{ NIGHTLATCH_SECRET: `${SECRET},,${OTHER}` }, /^NIGHTLATCH_SECRET$/, "configuration.invalid"],
  ]
  for (const [environment, path, code] of WRONG) {
    it(`${JSON.stringify(environment).slice(0, 70)}: ${code}`, async () => {
      const files = { "credentials/nightlatch-secret": SECRET, "odd/nightlatch-secrets": SECRET }
      const faults = await faultsOf(read(environment, files))
      assert.ok(
        faults.some((fault) => path.test(fault.path) && fault.code === code && fault.fix.length > 10),
        JSON.stringify(faults),
      )
    })
  }

  it("of a command is not the operator's token", async () => {
    const { secret } = await read(
      { NIGHTLATCH_SECRET_COMMAND: PRINT, NIGHTLATCH_OPERATOR_TOKEN: SECRET },
      { secret: SECRET },
    )
    assert.ok(secret.ask !== undefined)
    const [fault] = await faultsOf(askSource(secret.ask))
    assert.equal(fault?.code, "configuration.operator_token")
  })

  it("is judged by `secret --check` wherever it comes from", { skip }, async () => {
    const folder = folderOf({ secret: `${SECRET}\n${OTHER}\n`, bad: "changeme" })
    const check = (line: string) =>
      command(folder, ["secret", "--check"], "", { NIGHTLATCH_SECRET_COMMAND: line })
    assert.match((await check("cat secret")).out, /^All 2 secrets from NIGHTLATCH_SECRET_COMMAND are strong/)
    const bad = await check("cat bad")
    assert.equal(bad.code, 2)
    assert.match(bad.error, /NIGHTLATCH_SECRET_COMMAND \(secret\.?0?\): .*\[secret\.published\]/)
    const gone = await check("cat none")
    assert.equal(gone.code, 1)
    assert.match(gone.error, /the command ended with exit code 1/)
    const shell = await check("cat bad | tr a b")
    assert.match(shell.error, /\[secret\.command\]/)
  })
})

describe("a running service", { skip }, () => {
  const services: Operated[] = []
  afterEach(async () => {
    for (const service of services.splice(0)) {
      await service.stop()
      service.remove()
    }
  })
  after(killAll)

  async function open(environment: Readonly<Record<string, string>>, text: string): Promise<Operated> {
    const service = openService()
    services.push(service)
    writeFileSync(service.path("secret"), text, { mode: 0o600 })
    await service.start(environment)
    await service.create("ada")
    return service
  }

  const secretLine = async (service: Operated): Promise<{ state: string; why: string }> => {
    const { text } = await service.page()
    const { lines } = JSON.parse(text) as { lines: { id: string; state: string; why: string }[] }
    return lines.find(({ id }) => id === "secret") ?? { state: "", why: "" }
  }

  async function until(service: Operated, what: RegExp): Promise<string> {
    const patience = performance.now() + 15_000
    for (;;) {
      const { state, why } = await secretLine(service)
      if (what.test(`${state}: ${why}`)) return why
      assert.ok(performance.now() < patience, `${state}: ${why} is not ${what}`)
      await delay(50)
    }
  }

  for (const [what, environment] of [
    ["a file", { NIGHTLATCH_SECRET_FILE: "secret" }],
    ["a command", { NIGHTLATCH_SECRET_COMMAND: "cat secret" }],
  ] as const) {
    it(`takes up what ${what} gives on SIGHUP: nobody is signed out, and a bad answer changes nothing`, async () => {
      const service = await open(environment, `${SECRET}\n`)
      const cookie = await service.signIn("ada")
      const give = (text: string) => writeFileSync(service.path("secret"), text, { mode: 0o600 })
      assert.match(
        await until(service, /^holds: One root secret/),
        new RegExp(`from ${Object.keys(environment)[0]}, asked \\d+ s ago`),
      )
      give(`${SECRET}\n${OTHER}\n`)
      service.signal("SIGHUP")
      await until(service, /^holds: 2 root secrets/)
      give(`${OTHER}\n${SECRET}\n`)
      service.signal("SIGHUP")
      await delay(300)
      assert.equal((await service.me(cookie)).status, 200)
      give("changeme\n")
      service.signal("SIGHUP")
      await until(service, /^fails: .*published example.*\[secret\.published\].* stay in use/)
      assert.equal((await service.me(cookie)).status, 200)
      rmSync(service.path("secret"))
      service.signal("SIGHUP")
      await until(service, /^fails: .*(?:no such file|exit code 1)/)
      give(`${OTHER}\n`)
      service.signal("SIGHUP")
      await until(service, /^holds: One root secret/)
      assert.equal((await service.me(cookie)).status, 401)
      assert.match(service.output(), /whatever a removed secret signed is refused/)
      for (const secret of [SECRET, OTHER]) assert.ok(!service.output().includes(secret))
    })
  }

  it("takes its command with it when it is ended while it starts", async () => {
    const folder = folderOf()
    const line = `sh -c 'echo $$ > pid; sleep 600'`
    const starting = command(
      folder,
      ["serve", "--port", "0"],
      "",
      { NIGHTLATCH_SECRET_COMMAND: line },
      (child) => {
        const waiting = setInterval(() => {
          if (!existsSync(join(folder, "pid")) || readFileSync(join(folder, "pid"), "utf8") === "") return
          clearInterval(waiting)
          child.kill("SIGTERM")
        }, 20)
      },
    )
    assert.notEqual((await starting).code, 0)
    const pid = Number(readFileSync(join(folder, "pid"), "utf8"))
    const patience = performance.now() + 5_000
    while (existsSync(`/proc/${pid}`) && performance.now() < patience) await delay(20)
    assert.throws(() => process.kill(pid, 0), { code: "ESRCH" })
  })

  it("asks a function of the configuration file", async () => {
    const config = `export default { secret: async () => [${JSON.stringify(SECRET)}] }`
    const folder = folderOf({ "nightlatch.config.mjs": config })
    const checked = await command(folder, ["secret", "--check"])
    assert.match(checked.out, /^The secret from secret in nightlatch\.config\.mjs is strong/)
    const service = openService()
    services.push(service)
    writeFileSync(service.path("nightlatch.config.mjs"), config)
    await service.start()
    assert.match(
      await until(service, /^holds/),
      /One root secret from secret in nightlatch\.config\.mjs, asked \d+ s ago/,
    )
  })

  it("does not start when the command fails, and says how it ended", async () => {
    const folder = folderOf()
    const ran = await command(folder, ["serve", "--port", "0"], "", { NIGHTLATCH_SECRET_COMMAND: "cat none" })
    assert.equal(ran.code, 1)
    assert.match(ran.error, /error: NIGHTLATCH_SECRET_COMMAND: the command ended with exit code 1/)
    assert.doesNotMatch(ran.error + ran.out, /No such file/)
  })
})
