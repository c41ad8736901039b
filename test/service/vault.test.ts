/** The root secret from HashiCorp Vault, with a stand-in that speaks its protocol. */
import assert from "node:assert/strict"
import { chmodSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { after, describe, it, type TestContext } from "node:test"
import { askSource } from "../../src/checklist/secret/index.ts"
import { Faults, MisuseError } from "../../src/core/misuse.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { readConfiguration } from "../../src/service/configuration.ts"
import { createVault } from "../../src/service/secrets/vault/index.ts"
import { readVault } from "../../src/service/secrets/vault/options.ts"
import { createAuthority, issueCertificate } from "./certificates.ts"
import { openFolder } from "./process.ts"
import { openVault, send, type VaultServer } from "./vault-server.ts"

const SECRET = "nl_secret_Vq3xT0mJ8sYc4bWzR7uKpE1aHnGdL5iO9fXtZ2vQkBw"
const PLACE = "secret/data/nightlatch"
const ROLE = { role_id: "5f1b-role", secret_id: "secret-id-canary" }
const JWT = "eyJhbGciOi.service-account-canary.x"

const folder = openFolder()
after(() => folder.remove())

interface Reader {
  readonly vault: VaultServer
  read(): Promise<unknown>
}

/** A vault with a role, a service account and the secret, and a reader with these options. */
async function open(
  t: TestContext,
  options: (vault: VaultServer) => object,
  more: Parameters<typeof openVault>[0] & {
    readonly renewSeconds?: number
    readonly renewable?: boolean
  } = {},
): Promise<Reader> {
  const vault = await openVault(more)
  t.after(() => vault.close())
  const { renewSeconds: ttl = 3600, renewable = true } = more
  vault.secrets.set("nightlatch", { secret: SECRET, other: 5, list: [SECRET, `${SECRET}x`] })
  vault.roles.set(ROLE.role_id, { secretIds: new Set([ROLE.secret_id]), ttl, renewable })
  vault.accounts.set(JWT, { role: "nightlatch", ttl })
  const faults = new Faults()
  const given = { address: vault.address, path: "nightlatch", ...options(vault) }
  const policy = readVault(given, folder.path, () => undefined, faults)
  assert.ok(policy !== undefined, JSON.stringify(faults.list))
  const ask = createVault(policy, () => vault.now)
  return { vault, read: () => ask(new AbortController().signal) }
}

const byRole = () => ({ roleId: ROLE.role_id, secretId: ROLE.secret_id })

/** What it was refused with; nothing that is secret stands in it. */
async function refusal({ vault, read }: Reader): Promise<{ code: string; told: string }> {
  const error = await read().then(
    (value) => assert.fail(`it answered ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof MisuseError || error instanceof UnavailableError, String(error))
  const told = error instanceof MisuseError ? JSON.stringify(error.faults) : error.message
  const canaries = [SECRET, ROLE.secret_id, JWT, ...vault.tokens.keys()]
  for (const canary of canaries) assert.ok(!`${told}${error.stack}`.includes(canary), told)
  assert.equal(error.cause, undefined)
  return { code: error instanceof MisuseError ? (error.faults[0]?.code ?? "") : "unavailable", told }
}

describe("Vault", () => {
  it("is read with a token, which is looked up once and sent in its header", async (t) => {
    let token = ""
    const { vault, read } = await open(t, (server) => {
      token = server.issue()
      return { token }
    })
    assert.equal(await read(), SECRET)
    assert.equal(await read(), SECRET)
    assert.deepEqual(
      vault.received.map(({ method, path }) => `${method} ${path}`),
      ["GET auth/token/lookup-self", `GET ${PLACE}`, `GET ${PLACE}`],
    )
    assert.ok(vault.received.every(({ headers }) => headers["x-vault-token"] === token))
  })

  it("is read with a token that may not look itself up", async (t) => {
    const { read } = await open(t, (server) => ({ token: server.issue({ lookup: false }) }))
    assert.equal(await read(), SECRET)
  })

  it("is read by AppRole with one login", async (t) => {
    const { vault, read } = await open(t, byRole)
    for (let turn = 0; turn < 3; turn++) assert.equal(await read(), SECRET)
    assert.equal(vault.asked("auth/approle/login"), 1)
    assert.deepEqual(vault.received[0]?.body, ROLE)
    assert.equal(vault.received[0]?.headers["x-vault-token"], undefined)
  })

  it("is read by a pod's service account, whose token is read anew at each login", async (t) => {
    const jwtFile = join(folder.path, "jwt")
    writeFileSync(jwtFile, "an older one\n")
    chmodSync(jwtFile, 0o644)
    const reader = await open(t, () => ({ role: "nightlatch", jwtFile }))
    assert.equal((await refusal(reader)).code, "vault.login")
    writeFileSync(jwtFile, `${JWT}\n`)
    assert.equal(await reader.read(), SECRET)
    assert.deepEqual(reader.vault.received.at(-2)?.body, { role: "nightlatch", jwt: JWT })
    const absent = await open(t, () => ({ role: "nightlatch", jwtFile: join(folder.path, "none") }))
    assert.equal((await refusal(absent)).code, "vault.jwt")
    const stranger = await open(t, () => ({ role: "another", jwtFile }))
    assert.match((await refusal(stranger)).told, /for the role \\"another\\"/)
  })

  it("renews the token when two thirds of its life are over, and logs in when that is refused", async (t) => {
    const { vault, read } = await open(t, byRole, { renewSeconds: 300 })
    await read()
    vault.now += 199_000
    await read()
    assert.equal(vault.asked("auth/token/renew-self"), 0)
    vault.now += 1_000
    await read()
    assert.equal(vault.asked("auth/token/renew-self"), 1)
    vault.now += 199_000
    await read()
    assert.deepEqual([vault.asked("auth/token/renew-self"), vault.asked("auth/approle/login")], [1, 1])
    for (const token of vault.tokens.values()) token.renewable = false
    vault.now += 60_000
    assert.equal(await read(), SECRET)
    assert.equal(vault.asked("auth/approle/login"), 2)
  })

  it("is read with a token that could not be renewed this time", async (t) => {
    const { vault, read } = await open(t, byRole, { renewSeconds: 300 })
    await read()
    vault.now += 210_000
    vault.refusing = "auth/token/renew-self"
    assert.equal(await read(), SECRET)
    assert.deepEqual([vault.asked("auth/token/renew-self"), vault.asked("auth/approle/login")], [1, 1])
    vault.refusing = undefined
    await read()
    vault.now += 150_000
    assert.equal(await read(), SECRET)
    assert.deepEqual([vault.asked("auth/token/renew-self"), vault.asked("auth/approle/login")], [2, 1])
  })

  it("logs in again when the token has ended or was revoked, and at once when it cannot be renewed", async (t) => {
    const { vault, read } = await open(t, byRole, { renewSeconds: 300, renewable: false })
    await read()
    vault.tokens.clear()
    assert.equal(await read(), SECRET)
    assert.equal(vault.asked("auth/approle/login"), 2)
    vault.now += 250_000
    assert.equal(await read(), SECRET)
    assert.deepEqual([vault.asked("auth/token/renew-self"), vault.asked("auth/approle/login")], [0, 3])
  })

  it("keeps a fixed token alive, and says so when it has ended", async (t) => {
    const reader = await open(t, (server) => ({ token: server.issue({ ttl: 300 }) }))
    const { vault, read } = reader
    await read()
    for (let turn = 0; turn < 9; turn++) {
      vault.now += 210_000
      assert.equal(await read(), SECRET)
    }
    vault.tokens.clear()
    assert.equal((await refusal(reader)).code, "vault.denied")
    const before = vault.received.length
    await refusal(reader)
    assert.ok(vault.received.length - before <= 3, "it does not ask on and on")
  })

  it("is told the namespace, and finds nothing without it", async (t) => {
    const inside = await open(t, () => ({ ...byRole(), namespace: "team/a" }), { namespace: "team/a" })
    assert.equal(await inside.read(), SECRET)
    assert.ok(inside.vault.received.every(({ headers }) => headers["x-vault-namespace"] === "team/a"))
    const outside = await open(t, byRole, { namespace: "team/a" })
    assert.equal((await refusal(outside)).code, "vault.login")
  })

  it("gives a field that is a list as it is", async (t) => {
    const { read } = await open(t, () => ({ ...byRole(), field: "list" }))
    assert.deepEqual(await read(), [SECRET, `${SECRET}x`])
  })

  it("is trusted by the named certificates only, and by the host's name", async (t) => {
    const authority = createAuthority("Vault of the tests")
    const ca = join(folder.path, "ca.pem")
    writeFileSync(ca, authority.certificate)
    const tls = issueCertificate({ name: "vault", names: ["localhost"], issuer: authority })
    const trusted = await open(t, () => ({ ...byRole(), ca }), { tls })
    assert.equal(await trusted.read(), SECRET)
    const untrusted = await open(t, byRole, { tls })
    assert.match((await refusal(untrusted)).told, /cannot be reached \((?:UNABLE_TO|SELF_SIGNED|DEPTH)/)
    const named = issueCertificate({ name: "vault", names: ["vault.example.com"], issuer: authority })
    const foreign = await open(t, () => ({ ...byRole(), ca }), { tls: named })
    assert.match((await refusal(foreign)).told, /ERR_TLS_CERT_ALTNAME_INVALID/)
    for (const reader of [untrusted, foreign])
      assert.equal(reader.vault.received.length, 0, "nothing was sent")
  })
})

describe("Vault that refuses", () => {
  const cases: readonly (readonly [string, (vault: VaultServer) => void, string, RegExp])[] = [
    ["sealed", (vault) => (vault.sealed = true), "unavailable", /sealed or being maintained \(503\)/],
    [
      "busy",
      (vault) => (vault.instead = (response) => send(response, 429, { errors: ["quota"] })),
      "unavailable",
      /too many requests \(429\)/,
    ],
    [
      "a standby",
      (vault) => (vault.instead = (response) => send(response, 473, { errors: [] })),
      "unavailable",
      /standby/,
    ],
    [
      "broken",
      (vault) => (vault.instead = (response) => send(response, 500, { errors: [SECRET] })),
      "unavailable",
      /inner error \(500\)/,
    ],
    [
      "behind a broken proxy",
      (vault) => (vault.instead = (response) => void response.writeHead(502).end("<html>")),
      "unavailable",
      /does not reach it \(502\)/,
    ],
    [
      "something else",
      (vault) => (vault.instead = (response) => void response.writeHead(200).end("<html>hello")),
      "unavailable",
      /no JSON/,
    ],
    [
      "a JSON of something else",
      (vault) => (vault.instead = (response) => send(response, 200, { ok: true })),
      "unavailable",
      /no token in its answer/,
    ],
    [
      "endless",
      (vault) => (vault.instead = (response) => void response.writeHead(200).end("x".repeat(300_000))),
      "unavailable",
      /more than 256 KiB/,
    ],
    [
      "cut off",
      (vault) => (vault.instead = (response) => void response.destroy()),
      "unavailable",
      /cannot be reached \(ECONNRESET\)/,
    ],
    [
      "without the secret",
      (vault) => vault.secrets.clear(),
      "vault.missing",
      /nothing at secret\/data\/nightlatch/,
    ],
    [
      "with a deleted secret",
      (vault) => vault.secrets.set("nightlatch", null),
      "vault.missing",
      /is deleted/,
    ],
    [
      "with another field",
      (vault) => vault.secrets.set("nightlatch", { value: SECRET }),
      "vault.field",
      /no field/,
    ],
    [
      "with a field of the object's own",
      (vault) => vault.secrets.set("nightlatch", {}),
      "vault.field",
      /no field/,
    ],
    [
      "not knowing the role",
      (vault) => vault.roles.clear(),
      "vault.login",
      /does not accept the role id and secret id \(400\)/,
    ],
    [
      "wrapping what it gives",
      (vault) =>
        (vault.instead = (response) =>
          send(response, 200, { wrap_info: { token: "hvs.wrapping-canary", ttl: 60 }, auth: null })),
      "vault.wrapped",
      /wraps/,
    ],
  ]
  for (const [what, spoil, code, words] of cases) {
    it(`${what}: ${code}`, async (t) => {
      const reader = await open(t, byRole)
      spoil(reader.vault)
      const told = await refusal(reader)
      assert.equal(told.code, code)
      assert.match(told.told, words)
    })
  }

  it("may not be read: says what the policy needs, after one more login", async (t) => {
    const reader = await open(t, byRole)
    await reader.read()
    reader.vault.tokens.clear()
    const { issue } = reader.vault
    reader.vault.issue = (more) => issue({ ...more, reads: [] })
    const { code, told } = await refusal(reader)
    assert.equal(code, "vault.denied")
    assert.match(told, /path \\"secret\/data\/nightlatch\\" \{ capabilities = \[\\"read\\"\] \}/)
    assert.equal(reader.vault.asked("auth/approle/login"), 2)
    reader.vault.issue = issue
    assert.equal(await reader.read(), SECRET)
  })

  it("leads elsewhere: no token follows", async (t) => {
    const reached: string[] = []
    const thief = createServer((request, response) => {
      reached.push(String(request.headers["x-vault-token"]))
      response.end("{}")
    }).listen(0, "127.0.0.1")
    t.after(() => thief.close())
    await new Promise((ready) => thief.once("listening", ready))
    const { port } = thief.address() as { port: number }
    for (const status of [301, 302, 307, 308]) {
      const reader = await open(t, (server) => ({ token: server.issue() }))
      reader.vault.instead = (response, { path }) =>
        void response.writeHead(status, { location: `http://127.0.0.1:${port}/v1/${path}` }).end()
      assert.match((await refusal(reader)).told, /leads to another address/)
    }
    assert.deepEqual(reached, [])
  })

  it("hangs: the question ends with the patience of who asks", async (t) => {
    const reader = await open(t, byRole)
    reader.vault.instead = () => {}
    const faults = new Faults()
    const given = { address: reader.vault.address, path: "nightlatch", ...byRole() }
    const policy = readVault(given, folder.path, () => undefined, faults)
    assert.ok(policy !== undefined)
    const since = performance.now()
    const asking = askSource(createVault(policy) as (signal: AbortSignal) => Promise<string>, {
      answerMs: 100,
    })
    await assert.rejects(asking, /within 0\.1 s/)
    assert.ok(performance.now() - since < 2_000)
    // Whatever the server does, a single answer has five seconds.
    assert.match((await refusal(reader)).told, /does not answer in time/)
  })
})

describe("settings of Vault", () => {
  const OWN = {
    NIGHTLATCH_VAULT_ADDR: "https://vault.example.com:8200",
    NIGHTLATCH_VAULT_PATH: "nightlatch",
    NIGHTLATCH_VAULT_TOKEN: "hvs.canary",
  }
  const read = (environment: Readonly<Record<string, string>>) =>
    readConfiguration({ folder: folder.path, environment, starts: true })
  const faultsOf = async (environment: Readonly<Record<string, string>>) => {
    const error = await read(environment).catch((thrown: unknown) => thrown)
    if (!(error instanceof MisuseError)) return []
    assert.doesNotMatch(JSON.stringify(error.faults), /canary/)
    return error.faults.map(({ path, code }) => `${path}: ${code}`)
  }
  const without = (...names: readonly string[]) =>
    Object.fromEntries(Object.entries(OWN).filter(([name]) => !names.includes(name)))

  it("are taken from the environment", async () => {
    const { secret, options } = await read(OWN)
    assert.equal(secret.source, "Vault (NIGHTLATCH_VAULT_ADDR)")
    assert.equal(typeof secret.ask, "function")
    assert.deepEqual([options.secret, options.vault], [undefined, undefined])
  })

  const rows: readonly (readonly [Readonly<Record<string, string>>, string])[] = [
    [
      { ...OWN, NIGHTLATCH_VAULT_ADDR: "http://vault.example.com:8200" },
      "NIGHTLATCH_VAULT_ADDR (vault.address): vault.plain",
    ],
    [
      { ...OWN, NIGHTLATCH_VAULT_ADDR: "vault.example.com" },
      "NIGHTLATCH_VAULT_ADDR (vault.address): vault.address",
    ],
    [
      { ...OWN, NIGHTLATCH_VAULT_ADDR: "https://user:pass@vault.example.com" },
      "NIGHTLATCH_VAULT_ADDR (vault.address): vault.address",
    ],
    [without("NIGHTLATCH_VAULT_ADDR"), "NIGHTLATCH_VAULT_ADDR (vault.address): option.invalid"],
    [without("NIGHTLATCH_VAULT_PATH"), "NIGHTLATCH_VAULT_PATH (vault.path): option.invalid"],
    [without("NIGHTLATCH_VAULT_TOKEN"), "vault: vault.login"],
    [{ ...OWN, NIGHTLATCH_VAULT_ROLE_ID: "x" }, "vault: vault.login"],
    [{ ...OWN, NIGHTLATCH_VAULT_SECRET_ID: "x" }, "NIGHTLATCH_VAULT_SECRET_ID (vault.secretId): vault.login"],
    [{ ...OWN, NIGHTLATCH_VAULT_PATH: "../sys/seal" }, "NIGHTLATCH_VAULT_PATH (vault.path): option.invalid"],
    [{ ...OWN, NIGHTLATCH_VAULT_MOUNT: "a?b" }, "NIGHTLATCH_VAULT_MOUNT (vault.mount): option.invalid"],
    [
      { ...OWN, NIGHTLATCH_VAULT_TOKEN: "canary\tcanary" },
      "NIGHTLATCH_VAULT_TOKEN (vault.token): option.invalid",
    ],
    [{ ...OWN, NIGHTLATCH_VAULT_CA: "no-such.pem" }, "NIGHTLATCH_VAULT_CA (vault.ca): vault.ca"],
    [{ ...OWN, NIGHTLATCH_SECRET: SECRET }, "NIGHTLATCH_SECRET: secret.two_sources"],
    [
      { ...OWN, NIGHTLATCH_VAULT_TOCKEN: "x" },
      "NIGHTLATCH_VAULT_TOCKEN in the environment: configuration.unknown",
    ],
  ]
  for (const [environment, fault] of rows) {
    it(`refuse ${fault}`, async () =>
      assert.ok((await faultsOf(environment)).includes(fault), String(await faultsOf(environment))))
  }

  it("take a token and a secret id from a file that changes", async (t) => {
    const vault = await openVault()
    t.after(() => vault.close())
    vault.secrets.set("nightlatch", { secret: `${SECRET}\n` })
    const first = vault.issue()
    const path = join(folder.path, "token")
    writeFileSync(path, `${first}\n`, { mode: 0o600 })
    const { secret } = await read({
      NIGHTLATCH_VAULT_ADDR: vault.address,
      NIGHTLATCH_VAULT_PATH: "nightlatch",
      NIGHTLATCH_VAULT_TOKEN_FILE: path,
    })
    assert.ok(secret.ask !== undefined)
    assert.deepEqual(await askSource(secret.ask), [SECRET])
    vault.tokens.delete(first)
    await assert.rejects(askSource(secret.ask), MisuseError)
    writeFileSync(path, `${vault.issue()}\n`)
    assert.deepEqual(await askSource(secret.ask), [SECRET])
  })
})
