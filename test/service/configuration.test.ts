import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { type Fault, MisuseError } from "../../src/core/misuse.ts"
import { type ConfigurationInput, readConfiguration, renameFaults } from "../../src/service/configuration.ts"
import { configurationTable, SETTINGS } from "../../src/service/settings.ts"

const SECRET = "nl_secret_Vq3xT0mJ8sYc4bWzR7uKpE1aHnGdL5iO9fXtZ2vQkBw"
const OTHER = "nl_secret_h5Lk2PzQw8XcV1bN6mT9rY3uJ0dF7gSaE4iOoKpRtZM"

const root = mkdtempSync(join(tmpdir(), "nightlatch-configuration-"))
after(() => rmSync(root, { recursive: true, force: true }))

interface Folder {
  [name: string]: string | { readonly text: string; readonly mode: number }
}

function folderOf(files: Folder = {}): string {
  const folder = mkdtempSync(join(root, "f-"))
  for (const [name, file] of Object.entries(files)) {
    const { text, mode } = typeof file === "string" ? { text: file, mode: 0o600 } : file
    writeFileSync(join(folder, name), text)
    chmodSync(join(folder, name), mode)
  }
  return folder
}

function read(
  environment: ConfigurationInput["environment"],
  files: Folder = {},
  more: Partial<ConfigurationInput> = {},
) {
  return readConfiguration({ folder: folderOf(files), environment, ...more })
}

async function faultsOf(run: Promise<unknown>): Promise<readonly Fault[]> {
  try {
    await run
  } catch (error) {
    assert.ok(error instanceof MisuseError, String(error))
    return error.faults
  }
  return []
}

const GOOD = { NIGHTLATCH_SECRET: SECRET }
const PUBLIC = { NIGHTLATCH_SECRET: SECRET, NIGHTLATCH_ORIGIN: "https://api.example.com" }

interface Bad {
  readonly what: string
  readonly environment?: Record<string, string>
  readonly files?: Folder
  readonly flags?: Record<string, string>
  readonly code: string
  readonly path: RegExp
  readonly fix: RegExp
}

const BAD: readonly Bad[] = [
  {
    what: "a misspelt variable",
    environment: { NIGHTLATCH_ORIGN: "https://a.example" },
    code: "configuration.unknown",
    path: /^NIGHTLATCH_ORIGN in the environment$/,
    fix: /Did you mean NIGHTLATCH_ORIGIN\?/,
  },
  {
    what: "a misspelt prefix",
    environment: { NIGHTLACH_SMTP_URL: "smtp://x" },
    code: "configuration.unknown",
    path: /^NIGHTLACH_SMTP_URL/,
    fix: /NIGHTLATCH_SMTP_URL/,
  },
  {
    what: "a variable in the wrong case",
    environment: { Nightlatch_Origin: "https://a.example" },
    code: "configuration.unknown",
    path: /^Nightlatch_Origin/,
    fix: /NIGHTLATCH_ORIGIN/,
  },
  {
    what: "a variable that nothing is near to",
    environment: { NIGHTLATCH_DISABLE_ALL_SECURITY: "1" },
    code: "configuration.unknown",
    path: /DISABLE_ALL/,
    fix: /table of settings/,
  },
  {
    what: "a misspelt variable in .env",
    files: { ".env": "NIGHTLATCH_DATABSE=x.db\n" },
    code: "configuration.unknown",
    path: /^NIGHTLATCH_DATABSE in \.env$/,
    fix: /NIGHTLATCH_DATABASE/,
  },
  {
    what: "a _FILE of what is no secret",
    environment: { NIGHTLATCH_ORIGIN_FILE: "/run/origin" },
    code: "configuration.unknown",
    path: /^NIGHTLATCH_ORIGIN_FILE/,
    fix: /set NIGHTLATCH_ORIGIN itself/,
  },
  {
    what: "a variable of ours that bears no prefix",
    environment: { NIGHTLATCH_PORT: "3" },
    code: "configuration.unknown",
    path: /^NIGHTLATCH_PORT/,
    fix: /Did you mean PORT\?/,
  },
  ...[
    ["NIGHTLATCH_HOSTS=a.example\nexport PORT 3000\n", 2],
    ["NIGHTLATCH_REGISTRATION: closed\n", 1],
    ["\n# a comment\r\nNIGHTLATCH_REGISTRATION closed\r\nA=b\r\n", 3],
    ["A='x\ny'\nNIGHTLATCH_REGISTRATION", 3],
    [`A=b\nNIGHTLATCH_OPERATOR_TOKEN ${OTHER}=\n`, 2],
  ].map(([text, line]) => ({
    what: `an .env with a setting that is none: ${JSON.stringify(text).slice(0, 40)}`,
    files: { ".env": String(text) },
    code: "configuration.env_line",
    path: new RegExp(`^\\.env, line ${line}$`),
    fix: /Write it like PORT=3000/,
  })),
  {
    what: "a misspelt option of the service in the file",
    files: { "nightlatch.config.json": '{ "prot": 1 }' },
    code: "option.unknown",
    path: /^prot in nightlatch\.config\.json$/,
    fix: /Did you mean "port"\?/,
  },
  {
    what: "an option in the file that nothing is near to",
    files: { "nightlatch.config.json": '{ "disableAllSecurity": true }' },
    code: "option.unknown",
    path: /^disableAllSecurity in nightlatch\.config\.json$/,
    fix: /Remove it/,
  },
  {
    what: "an empty variable",
    environment: { NIGHTLATCH_CORS_ORIGINS: "" },
    code: "configuration.empty",
    path: /^NIGHTLATCH_CORS_ORIGINS$/,
    fix: /value or remove/,
  },
  {
    what: "an empty secret",
    environment: { NIGHTLATCH_SECRET: " " },
    code: "configuration.empty",
    path: /^NIGHTLATCH_SECRET$/,
    fix: /value or remove/,
  },
  {
    what: "an empty variable in .env",
    files: { ".env": "NIGHTLATCH_ORIGIN=\n" },
    code: "configuration.empty",
    path: /^NIGHTLATCH_ORIGIN in \.env$/,
    fix: /value or remove/,
  },
  {
    what: "a secret both as text and as file",
    environment: { NIGHTLATCH_SECRET_FILE: "secret" },
    code: "configuration.twice",
    path: /^NIGHTLATCH_SECRET$/,
    fix: /one of the two/,
  },
  {
    what: "a secret file that is not there",
    environment: { NIGHTLATCH_SECRET: "", NIGHTLATCH_OPERATOR_TOKEN_FILE: "no-such-file" },
    code: "secret.unreadable",
    path: /^NIGHTLATCH_OPERATOR_TOKEN_FILE \(.*no-such-file\)$/,
    fix: /Name a file/,
  },
  {
    what: "a secret file that others can read",
    environment: { NIGHTLATCH_OPERATOR_TOKEN_FILE: "token" },
    files: { token: { text: OTHER, mode: 0o644 } },
    code: "secret.readable",
    path: /^NIGHTLATCH_OPERATOR_TOKEN_FILE \(.*token\)$/,
    fix: /chmod 600/,
  },
  {
    what: "an .env with a secret that others can read",
    files: { ".env": { text: `NIGHTLATCH_OPERATOR_TOKEN=${OTHER}\n`, mode: 0o644 } },
    code: "secret.readable",
    path: /^\.env$/,
    fix: /chmod 600 \.env/,
  },
  ...["abc", "-1", "65536", "80.5", "0x50", "3000 "].map((port) => ({
    what: `the port ${JSON.stringify(port)}`,
    environment: { PORT: port },
    code: "configuration.invalid",
    path: /^PORT$/,
    fix: /Port to listen on.*default is 3000/,
  })),
  {
    what: "a port on the command line that is none",
    flags: { port: "http" },
    code: "configuration.invalid",
    path: /^--port$/,
    fix: /default is 3000/,
  },
  {
    what: "a port in the file that is none",
    files: { "nightlatch.config.json": '{ "port": "3000" }' },
    code: "configuration.invalid",
    path: /^port in nightlatch\.config\.json$/,
    fix: /default is 3000/,
  },
  ...["http://0.0.0.0", "127.0.0.1 ", "a/b"].map((host) => ({
    what: `the address ${JSON.stringify(host)}`,
    environment: { HOST: host },
    code: "configuration.invalid",
    path: /^HOST$/,
    fix: /127\.0\.0\.1/,
  })),
  {
    what: "a list with an empty part",
    environment: { NIGHTLATCH_CORS_ORIGINS: "https://a.example,,https://b.example" },
    code: "configuration.invalid",
    path: /^NIGHTLATCH_CORS_ORIGINS$/,
    fix: /origins/i,
  },
  {
    what: "a word for registration that is none",
    environment: { NIGHTLATCH_REGISTRATION: "Open" },
    code: "configuration.invalid",
    path: /^NIGHTLATCH_REGISTRATION$/,
    fix: /default is open/,
  },
  ...["five", "5s", "-1", "1e3", ""].map((delay) => ({
    what: `the tolerated delay ${JSON.stringify(delay)}`,
    environment: { NIGHTLATCH_TOLERATED_DELAY: delay },
    code: delay === "" ? "configuration.empty" : "configuration.invalid",
    path: /^NIGHTLATCH_TOLERATED_DELAY$/,
    fix: delay === "" ? /remove/ : /default is 5/,
  })),
  ...[
    ["short", "k3J9-x_Qp0"],
    ["repeated", "abcdefgh".repeat(8)],
    ["one letter", "a".repeat(64)],
    ["with blanks", `${OTHER} ${OTHER}`],
    ["of umlauts", "ä".repeat(64)],
    ["the root secret", SECRET],
  ].map(([what, token]) => ({
    what: `an operator token that is ${what}`,
    environment: { NIGHTLATCH_OPERATOR_TOKEN: token ?? "" },
    code: "configuration.operator_token",
    path: /^NIGHTLATCH_OPERATOR_TOKEN$/,
    fix: /nightlatch secret/,
  })),
  {
    what: "an operator token that is no text",
    files: { "nightlatch.config.mjs": "export default { operatorToken: 5 }" },
    code: "configuration.operator_token",
    path: /^operatorToken in nightlatch\.config\.mjs$/,
    fix: /nightlatch secret/,
  },
  {
    what: "two configuration files",
    files: { "nightlatch.config.json": "{}", "nightlatch.config.ts": "export default {}" },
    code: "configuration.several",
    path: /config\.ts, nightlatch\.config\.json/,
    fix: /Keep one/,
  },
  {
    what: "a configuration file that is no JSON",
    files: { "nightlatch.config.json": '{\n  "port": 1,\n  oops\n}' },
    code: "configuration.file",
    path: /^nightlatch\.config\.json$/,
    fix: /syntax/,
  },
  {
    what: "a configuration file that names an option twice",
    files: { "nightlatch.config.json": '{ "port": 1, "port": 2 }' },
    code: "configuration.file",
    path: /json$/,
    fix: /only once/,
  },
  {
    what: "a configuration file that holds a list",
    files: { "nightlatch.config.json": "[]" },
    code: "configuration.file",
    path: /json$/,
    fix: /"origin"/,
  },
  {
    what: "a secret in a JSON file",
    files: { "nightlatch.config.json": `{ "secret": "${OTHER}" }` },
    code: "configuration.secret_in_file",
    path: /^secret in nightlatch\.config\.json$/,
    fix: /NIGHTLATCH_SECRET_FILE/,
  },
  {
    what: "a mail password in a JSON file",
    files: { "nightlatch.config.json": '{ "mail": { "smtpUrl": "smtps://u:p@mail.example" } }' },
    code: "configuration.secret_in_file",
    path: /^mail\.smtpUrl/,
    fix: /NIGHTLATCH_SMTP_URL/,
  },
  {
    what: "a JSON file with the password of Redis",
    files: { "nightlatch.config.json": '{ "redis": "rediss://:canary@redis.example.com" }' },
    code: "configuration.secret_in_file",
    path: /^redis/,
    fix: /NIGHTLATCH_REDIS_FILE/,
  },
  {
    what: "a module without a default export",
    files: { "nightlatch.config.mjs": "export const port = 1" },
    code: "configuration.file",
    path: /mjs$/,
    fix: /export default/,
  },
  {
    what: "a module whose default is a function",
    files: { "nightlatch.config.mjs": "export default () => ({})" },
    code: "configuration.file",
    path: /mjs$/,
    fix: /export default/,
  },
  {
    what: "a module that throws",
    files: { "nightlatch.config.mjs": "throw new RangeError('no database today')" },
    code: "configuration.file",
    path: /mjs$/,
    fix: /node nightlatch\.config\.mjs/,
  },
  {
    what: "a module with a syntax error",
    files: { "nightlatch.config.ts": "export default {" },
    code: "configuration.file",
    path: /ts$/,
    fix: /Run it alone/,
  },
]

for (const { what, environment = {}, files = {}, flags = {}, code, path, fix } of BAD) {
  test(`refused with its fix: ${what}`, async () => {
    const faults = await faultsOf(read({ ...GOOD, ...environment }, files, { flags }))
    const fault = faults.find((one) => one.code === code)
    assert.ok(fault, `${code} is not among ${JSON.stringify(faults)}`)
    assert.match(fault.path, path)
    assert.match(fault.fix, fix)
    const text = JSON.stringify(faults)
    for (const secret of [SECRET, OTHER]) assert.ok(!text.includes(secret), "a secret stands in a message")
  })
}

test("the table of bad configurations is as long as it claims", () => assert.ok(BAD.length >= 25))

test("all faults of one configuration are told at once", async () => {
  const faults = await faultsOf(
    read(
      { PORT: "x", HOST: "a b", NIGHTLATCH_ORIGN: "", NIGHTLATCH_OPERATOR_TOKEN: "short" },
      { ".env": "NIGHTLATCH_REGISTRATION=maybe\n", "nightlatch.config.json": "{" },
    ),
  )
  const codes = faults.map((fault) => fault.code).sort()
  assert.deepEqual(codes, [
    "configuration.file",
    "configuration.invalid",
    "configuration.invalid",
    "configuration.invalid",
    "configuration.operator_token",
    "configuration.unknown",
  ])
})

const TOGETHER: readonly (readonly [string, Record<string, string>, Folder, readonly RegExp[]])[] = [
  [
    "of the environment",
    { NIGHTLATCH_ORIGIN: "https://a.example", PORT: "abc", NIGHTLATCH_SECRET: "a" },
    {},
    [
      /^PORT configuration\.invalid$/,
      /^NIGHTLATCH_SECRET \(secret\.?0?\) secret\.short$/,
      /^mail mail\.missing$/,
    ],
  ],
  [
    "of a file",
    {},
    {
      "nightlatch.config.json":
        '{"host":5,"secret":"short","origin":"x","registration":"closd","session":{"idle":1}}',
    },
    [
      /^host in nightlatch\.config\.json configuration\.invalid$/,
      /^secret in nightlatch\.config\.json configuration\.secret_in_file$/,
      /^secret in nightlatch\.config\.json secret\.short$/,
      /^origin in nightlatch\.config\.json origin\.invalid$/,
      /^registration in nightlatch\.config\.json option\.invalid$/,
      /^session\.idle in nightlatch\.config\.json option\.unknown$/,
    ],
  ],
  [
    "of a value that could not be read, which is told once",
    {
      NIGHTLATCH_ORIGIN: "https://a.example",
      NIGHTLATCH_SECRET_FILE: "none",
      NIGHTLATCH_SMTP_URL_FILE: "none",
    },
    {},
    [/^NIGHTLATCH_SECRET_FILE .* secret\.unreadable$/, /^NIGHTLATCH_SMTP_URL_FILE .* secret\.unreadable$/],
  ],
]

for (const [what, environment, files, expected] of TOGETHER) {
  test(`settings and options are judged together: ${what}`, async () => {
    const folder = folderOf(files)
    const faults = await faultsOf(readConfiguration({ folder, environment, starts: true }))
    const told = faults.map(({ path, code }) => `${path} ${code}`)
    for (const each of expected)
      assert.ok(
        told.some((line) => each.test(line)),
        `${each}: ${told.join("\n")}`,
      )
    assert.equal(told.length, expected.length, told.join("\n"))
    assert.equal(statSync(join(folder, "data"), { throwIfNoEntry: false }), undefined)
  })
}

test("the command line wins over the environment, that over .env, that over the file", async () => {
  const files = {
    "nightlatch.config.ts":
      "export default { port: 1111 as number, hosts: ['a.example'], registration: 'closed' }",
    ".env": "PORT=2222\nNIGHTLATCH_REGISTRATION=invited\n",
  }
  const file = await read(GOOD, { "nightlatch.config.ts": files["nightlatch.config.ts"] })
  assert.equal(file.port, 1111)
  assert.equal(file.options.registration, "closed")
  assert.equal(file.sources.get("registration"), "registration in nightlatch.config.ts")
  const env = await read(GOOD, files)
  assert.equal(env.port, 2222)
  assert.equal(env.sources.get("port"), "PORT in .env")
  assert.deepEqual(env.options.hosts, ["a.example"])
  const environment = await read({ ...GOOD, PORT: "3333" }, files)
  assert.equal(environment.port, 3333)
  const flag = await read({ ...GOOD, PORT: "3333" }, files, { flags: { port: "4444" } })
  assert.equal(flag.port, 4444)
  assert.equal(flag.options.origin, "http://localhost:4444")
})

test("a variable joins the objects of the file and leaves them as they are", async () => {
  const options = (
    await read(
      { ...GOOD, NIGHTLATCH_TOLERATED_DELAY: "0.3", NIGHTLATCH_TRUSTED_PROXIES: "2" },
      { "nightlatch.config.mjs": "export default { session: Object.freeze({ idleSeconds: 60 }) }" },
    )
  ).options
  assert.deepEqual(options.session, { idleSeconds: 60, toleratedDelaySeconds: 0.3 })
  assert.deepEqual(options.proxy, { trusted: 2 })
})

test("lines of .env that mean no setting are nobody's business here", async () => {
  const text = `FOO\nexport PORT=1234\n# NIGHTLATCH_SECRET\nA="x\nNIGHTLATCH_X\n"\nDATABASE url\nNIGHTLATCH_HOSTS = a.example\n`
  const { port, options } = await read(GOOD, { ".env": text })
  assert.deepEqual([port, options.hosts], [1234, ["a.example"]])
})

test("lists are read with blanks around the commas, and several secrets are a list", async () => {
  const { options } = await read({
    NIGHTLATCH_SECRET: `${SECRET}, ${OTHER}`,
    NIGHTLATCH_CORS_ORIGINS: "https://a.example , https://b.example",
    NIGHTLATCH_TRUSTED_PROXIES: "10.0.0.0/8, fd00::/8",
  })
  assert.deepEqual(options.secret, [SECRET, OTHER])
  assert.deepEqual(options.cors, { origins: ["https://a.example", "https://b.example"] })
  assert.deepEqual(options.proxy, { trusted: ["10.0.0.0/8", "fd00::/8"] })
})

test("a secret comes from a file without its line end", async () => {
  const { options, sources } = await read({ NIGHTLATCH_SECRET_FILE: "secret" }, { secret: `${SECRET}\n` })
  assert.deepEqual(options.secret, [SECRET])
  assert.equal(sources.get("secret"), "NIGHTLATCH_SECRET_FILE")
})

test("an address of Redis comes from a file, or from the configuration file when it has no password", async () => {
  const address = "rediss://:canary@redis.example.com"
  const named = await read({ NIGHTLATCH_REDIS_FILE: "redis" }, { redis: `${address}\n` })
  assert.equal(named.options.redis, address)
  const written = { "nightlatch.config.json": '{ "redis": "redis://127.0.0.1:6379" }' }
  assert.equal((await read({}, written)).options.redis, "redis://127.0.0.1:6379")
})

test("a first start on a loopback origin writes a private .env that git ignores, and the second start reads it", async () => {
  const folder = folderOf()
  execFileSync("git", ["init", "-q", folder])
  const first = await readConfiguration({ folder, environment: {}, starts: true })
  assert.equal(statSync(join(folder, ".env")).mode & 0o777, 0o600)
  assert.match(readFileSync(join(folder, ".gitignore"), "utf8"), /^\.env$/m)
  assert.match(first.notes.join(), /Wrote a new secret to \.env.*\.gitignore/)
  const second = await readConfiguration({ folder, environment: {}, starts: true })
  assert.deepEqual([second.options.secret].flat(), [first.options.secret].flat())
  assert.deepEqual(second.notes, [])
})

const NOT_WRITTEN: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  ["on a public origin", { NIGHTLATCH_ORIGIN: "https://api.example.com" }, /only for a loopback origin/],
  ["on an origin that only looks local", { NIGHTLATCH_ORIGIN: "http://localhost.example.com" }, /loopback/],
  ["in continuous integration", { CI: "true" }, /when CI is set/],
]

for (const [where, environment, problem] of NOT_WRITTEN) {
  test(`no secret is invented ${where}`, async () => {
    const folder = folderOf()
    const faults = await faultsOf(readConfiguration({ folder, environment, starts: true }))
    assert.equal(faults[0]?.code, "secret.missing")
    assert.equal(faults.filter(({ path }) => /secret/i.test(path)).length, 1)
    assert.match(faults[0]?.problem ?? "", problem)
    assert.match(faults[0]?.fix ?? "", /nightlatch secret/)
    assert.equal(statSync(join(folder, ".env"), { throwIfNoEntry: false }), undefined)
  })
}

test("an .env that is there stays as it is, and the fault says once how to make a secret", async () => {
  const folder = folderOf({ ".env": "PORT=4000\n" })
  const faults = await faultsOf(readConfiguration({ folder, environment: {}, starts: true }))
  assert.equal(faults.length, 1)
  assert.match(faults[0]?.problem ?? "", /there is already a \.env/)
  assert.equal(JSON.stringify(faults).split("nightlatch secret").length, 2)
  assert.match(faults[0]?.fix ?? "", /in \.env/)
  assert.equal(readFileSync(join(folder, ".env"), "utf8"), "PORT=4000\n")
})

test("a command that starts nothing needs no secret and writes none", async () => {
  const folder = folderOf()
  assert.equal((await readConfiguration({ folder, environment: {} })).options.secret, undefined)
  assert.equal(statSync(join(folder, ".env"), { throwIfNoEntry: false }), undefined)
})

test("nothing is written when the start is refused for another reason", async () => {
  const folder = folderOf()
  const faults = await faultsOf(readConfiguration({ folder, environment: { PORT: "x" }, starts: true }))
  assert.deepEqual(
    faults.map((fault) => fault.code),
    ["configuration.invalid"],
  )
  assert.equal(statSync(join(folder, ".env"), { throwIfNoEntry: false }), undefined)
})

test("an origin that cannot fit its port is noted", async () => {
  const { notes } = await read({ ...GOOD, NIGHTLATCH_ORIGIN: "http://localhost:3000", PORT: "4000" })
  assert.match(notes.join(), /port 3000.*4000/)
  const free = await read({ ...GOOD, NIGHTLATCH_ORIGIN: "http://localhost:3000", PORT: "0" })
  assert.match(free.notes.join(), /port 3000.*a free one/)
  const fine = await read({ ...PUBLIC, PORT: "4000", NIGHTLATCH_TRUSTED_PROXIES: "10.0.0.0/8" })
  assert.deepEqual(fine.notes, [])
})

test("an https origin without a proxy in front is noted, with the setting that names the proxy", async () => {
  for (const trusted of [{}, { NIGHTLATCH_TRUSTED_PROXIES: "0" }]) {
    const { notes } = await read({ ...PUBLIC, ...trusted })
    assert.match(notes.join(), /every request will be refused.*NIGHTLATCH_TRUSTED_PROXIES/)
  }
  const local = await read({ ...GOOD, NIGHTLATCH_ORIGIN: "https://localhost:3000" })
  assert.match(local.notes.join(), /NIGHTLATCH_TRUSTED_PROXIES/)
  assert.deepEqual((await read({ ...PUBLIC, NIGHTLATCH_TRUSTED_PROXIES: "1" })).notes, [])
})

test("a fault of the library bears the name its reader knows", () => {
  const fault = { code: "cors.origin", path: "cors.origins.0", problem: "p", fix: "f" }
  const [named] = renameFaults([fault], new Map([["cors.origins", "NIGHTLATCH_CORS_ORIGINS"]]))
  assert.equal(named?.path, "NIGHTLATCH_CORS_ORIGINS (cors.origins.0)")
  const [file] = renameFaults([fault], new Map([["cors.origins", "cors.origins in nightlatch.config.ts"]]))
  assert.equal(file?.path, "cors.origins.0 in nightlatch.config.ts")
  const [other] = renameFaults([{ ...fault, path: "corsorigins" }], new Map([["cors", "X"]]))
  assert.equal(other?.path, "corsorigins")
  const [unset] = renameFaults([{ ...fault, path: "mail.from" }], new Map())
  assert.equal(unset?.path, "NIGHTLATCH_MAIL_FROM (mail.from)")
})

test("the README's table has a row for each setting and names the _FILE of each secret", () => {
  const table = configurationTable()
  assert.equal(table.split("\n").length, SETTINGS.length + 2)
  for (const { variable, secret } of SETTINGS) {
    assert.ok(table.includes(`\`${variable}\``))
    assert.equal(table.includes(`\`${variable}_FILE\``), secret)
  }
})

test("names of settings are unique", () => {
  assert.equal(new Set(SETTINGS.map((row) => row.variable)).size, SETTINGS.length)
  assert.equal(new Set(SETTINGS.map((row) => row.key)).size, SETTINGS.length)
})
