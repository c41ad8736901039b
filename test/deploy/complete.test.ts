/**
 * The live checklist of a whole deployment: nginx with its certificate, the service, PostgreSQL that asks for passwords and
 * Redis with users. Every line is green but those that are built in part; and when a piece is taken away, exactly its line
 * changes, and says why.
 */
import assert from "node:assert/strict"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { after, before, it } from "node:test"
import pg from "pg"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import type { LineId } from "../../src/core/lines.ts"
import { ROLES } from "../../src/store/postgres/roles.ts"
import { createAuthority, issueCertificate } from "../service/certificates.ts"
import { command, freePort, killAll, type Running, serve } from "../service/process.ts"
import { type Cluster, canMakeCluster, makeCluster } from "../store/postgres-cluster.ts"
import { type RedisServer, startRedis } from "../store/redis-server.ts"
import { DOMAIN, type Edge, openEdge, putCertificate, startEdge } from "./edge.ts"
import { openScratch, withPrograms } from "./programs.ts"
import { visit } from "./visitor.ts"

const HBA = `local all all scram-sha-256
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`
/** What the operator of this deployment cannot change: see "Not built yet" in the README. */
const PARTIAL: readonly LineId[] = ["csrf", "cookie", "event"]

interface Line {
  readonly id: LineId
  readonly state: string
  readonly why: string
  readonly missing?: string
  readonly fix?: string
}

const programs = ["nginx", "envsubst", "redis-server", ...(canMakeCluster() ? [] : ["initdb"])]
withPrograms("the checklist of a whole deployment", programs, () => {
  const scratch = openScratch()
  const folder = scratch.at("service")
  const [secret, token, password] = [generateSecret(), generateSecret(), generateSecret()]
  let cluster: Cluster
  let redis: RedisServer
  let edge: Edge
  let port = 0
  let root = ""
  let usual: Readonly<Record<string, string>> = {}
  const url = (role: string) => `postgres://${role}:${password}@127.0.0.1:${cluster.port}/nightlatch`
  const administer = async (text: string, database = "nightlatch") => {
    const client = new pg.Client({
      connectionString: `postgres://postgres@127.0.0.1:${cluster.port}/${database}`,
    })
    await client.connect()
    await client.query(text)
    await client.end()
  }

  before(async () => {
    mkdirSync(folder)
    cluster = (await makeCluster({ "pg_hba.conf": HBA })) as Cluster
    await cluster.start()
    await administer("CREATE DATABASE nightlatch", "postgres")
    await administer(ROLES.text)
    for (const role of ["nightlatch_owner", "nightlatch_service"])
      await administer(`ALTER ROLE ${role} PASSWORD '${password}'`)
    redis = await startRedis("--requirepass", password)
    port = await freePort()
    usual = {
      CI: "",
      PORT: String(port),
      NIGHTLATCH_ORIGIN: `https://${DOMAIN}`,
      NIGHTLATCH_TRUSTED_PROXIES: "127.0.0.1",
      NIGHTLATCH_SECRET: secret,
      NIGHTLATCH_OPERATOR_TOKEN: token,
      NIGHTLATCH_SMTP_URL: "smtp://127.0.0.1:1",
      NIGHTLATCH_MAIL_FROM: "no-reply@example.com",
      NIGHTLATCH_DATABASE: url("nightlatch_service"),
      NIGHTLATCH_REDIS: redis.url.replace("redis://", `redis://:${password}@`),
    }
    const migrated = await command(folder, ["migrate"], "", {
      ...usual,
      NIGHTLATCH_DATABASE: url("nightlatch_owner"),
    })
    assert.equal(migrated.code, 0, migrated.error)
    edge = await openEdge(scratch, { upstream: `127.0.0.1:${port}` })
    root = putCertificate(scratch)
    await startEdge(edge)
  })
  after(async () => {
    killAll()
    await edge?.stop()
    await redis?.close()
    await cluster?.remove()
    scratch.remove()
  })

  const headers = { authorization: `Bearer ${token}`, accept: "application/json" }
  async function look(at: {
    port: number
    ca: string
    headers?: Record<string, string>
  }): Promise<readonly Line[]> {
    const { status, text } = await visit({ ...at, path: "/", headers: { ...headers, ...at.headers } })
    assert.equal(status, 200, text)
    return (JSON.parse(text) as { lines: Line[] }).lines
  }
  const throughNginx = () => look({ port: edge.https, ca: root })

  /** Exactly this line is not as it should be, and for this reason. */
  function assertOnly(lines: readonly Line[], id: LineId, state: string, why: RegExp): void {
    const found = lines.filter((line) => line.state !== (PARTIAL.includes(line.id) ? "partial" : "holds"))
    assert.deepEqual(
      found.map((line) => [line.id, line.state]),
      [[id, state]],
      JSON.stringify(found),
    )
    assert.match(found[0]?.why ?? "", why)
    assert.ok((found[0]?.fix ?? "").length > 10, "it says what mends it")
  }

  async function running(
    more: Readonly<Record<string, string>>,
    use: (service: Running) => Promise<void>,
  ): Promise<void> {
    const service = await serve(folder, [], { ...usual, ...more })
    try {
      await use(service)
    } finally {
      await service.stop("SIGTERM")
    }
  }

  async function until(holds: () => Promise<boolean>, seconds = 20): Promise<void> {
    const patience = performance.now() + seconds * 1_000
    while (!(await holds())) {
      assert.ok(performance.now() < patience, "it did not happen")
      await new Promise((later) => setTimeout(later, 250))
    }
  }
  const stateOf = async (id: LineId) => (await throughNginx()).find((line) => line.id === id)?.state

  it("is green, but for what is built in part, which says so", async () => {
    await running({}, async () => {
      const lines = await throughNginx()
      assert.equal(lines.length, 18)
      for (const { id, state, why, missing } of lines) {
        assert.equal(state, PARTIAL.includes(id) ? "partial" : "holds", `${id}: ${why}`)
        if (PARTIAL.includes(id)) assert.ok((missing ?? "").length > 20, id)
      }
      assert.match(lines.find(({ id }) => id === "rate-limit")?.why ?? "", /Redis/)
    })
  })

  const roles: readonly [what: string, more: () => Record<string, string>, state: string, why: RegExp][] = [
    [
      "a role that owns the server",
      () => ({ NIGHTLATCH_DATABASE: url("postgres") }),
      "fails",
      /as a superuser/,
    ],
    [
      "the role that owns the tables",
      () => ({ NIGHTLATCH_DATABASE: url("nightlatch_owner") }),
      "weakened",
      /may change the tables/,
    ],
  ]
  for (const [what, more, state, why] of roles)
    it(`with ${what}: the database`, async () => {
      await running(more(), async () => assertOnly(await throughNginx(), "database", state, why))
    })

  it("with commits that a crash may lose: the database", async () => {
    await administer("ALTER DATABASE nightlatch SET synchronous_commit = off")
    try {
      await running({}, async () =>
        assertOnly(await throughNginx(), "database", "weakened", /synchronous_commit is off/),
      )
    } finally {
      await administer("ALTER DATABASE nightlatch RESET synchronous_commit")
    }
  })

  it("without Redis: rate limits, until it is back", async () => {
    await running({}, async () => {
      await redis.kill()
      await until(async () => (await stateOf("rate-limit")) !== "holds")
      assertOnly(await throughNginx(), "rate-limit", "weakened", /Redis/)
      await redis.start()
      await until(async () => (await stateOf("rate-limit")) === "holds")
    })
  })

  it("without a mail server: sign-in by mail, once so many mails in a row did not get out", async () => {
    await running({}, async () => {
      for (const name of ["ada", "bob", "eve"]) {
        const asked = {
          port: edge.https,
          ca: root,
          path: "/auth/register",
          json: { email: `${name}@example.com` },
        }
        assert.equal((await visit(asked)).status, 202)
      }
      await until(async () => (await stateOf("email-link")) !== "holds")
      assertOnly(await throughNginx(), "email-link", "weakened", /the last \d+ attempts failed/)
    })
  })

  it("beside an instance with another secret: the secrets", async () => {
    await running({}, async () => {
      const other = { ...usual, NIGHTLATCH_SECRET: generateSecret(), PORT: String(await freePort()) }
      const second = await serve(folder, [], other)
      await until(async () => (await stateOf("secret")) !== "holds")
      assertOnly(await throughNginx(), "secret", "fails", /different/)
      await second.stop("SIGTERM")
      await until(async () => (await stateOf("secret")) === "holds")
    })
  })

  it("with a secret's source that gives none any more: the secrets, which stay in use", async () => {
    const file = scratch.at("service/root-secret")
    writeFileSync(file, secret, { mode: 0o600 })
    const { NIGHTLATCH_SECRET: _, ...rest } = usual
    const service = await serve(folder, [], { ...rest, NIGHTLATCH_SECRET_FILE: "root-secret" })
    try {
      assert.equal(await stateOf("secret"), "holds")
      writeFileSync(file, "changeme")
      service.child.kill("SIGHUP")
      await until(async () => (await stateOf("secret")) !== "holds")
      assertOnly(await throughNginx(), "secret", "fails", /could not be renewed .* stay in use/)
      writeFileSync(file, secret)
      service.child.kill("SIGHUP")
      await until(async () => (await stateOf("secret")) === "holds")
    } finally {
      await service.stop("SIGTERM")
    }
  })

  const unsafe: readonly [id: LineId, configuration: object, more: Record<string, string>][] = [
    ["session", { unsafe: { acceptRevokedUntilExpiry: "the database sleeps at night" } }, {}],
    [
      "bot-check",
      {
        botCheck: { provider: "turnstile", siteKey: "1x00000000000000000000AA" },
        unsafe: { botCheckOpenWhenDown: "visitors come before robots here" },
      },
      { NIGHTLATCH_BOT_CHECK_SECRET_KEY: generateSecret() },
    ],
  ]
  for (const [id, configuration, more] of unsafe)
    it(`with a weakening: ${id}`, async () => {
      const file = scratch.at("service/nightlatch.config.json")
      writeFileSync(file, JSON.stringify(configuration))
      try {
        await running(more, async () => {
          const reason = Object.values((configuration as { unsafe: Record<string, string> }).unsafe)[0] ?? ""
          assertOnly(await throughNginx(), id, "weakened", new RegExp(reason))
        })
      } finally {
        rmSync(file)
      }
    })

  it("without nginx in front: https, when the service's own certificate ends soon", async () => {
    const authority = createAuthority("Soon")
    const to = new Date(Date.now() + 4 * 86_400_000)
    const { certificate, key } = issueCertificate({ name: DOMAIN, names: [DOMAIN], to, issuer: authority })
    writeFileSync(scratch.at("service/certificate.pem"), certificate)
    writeFileSync(scratch.at("service/key.pem"), key, { mode: 0o600 })
    const { NIGHTLATCH_TRUSTED_PROXIES: _, ...rest } = usual
    const own = { ...rest, NIGHTLATCH_TLS_CERT: "certificate.pem", NIGHTLATCH_TLS_KEY: "key.pem" }
    const service = await serve(folder, [], own)
    try {
      const direct = { port, ca: authority.certificate }
      assertOnly(await look(direct), "https", "weakened", /ends in [34] days/)
    } finally {
      await service.stop("SIGTERM")
    }
  })

  it("with a proxy that nobody named: the client's address", async () => {
    const authority = createAuthority("Own")
    const to = new Date(Date.now() + 80 * 86_400_000)
    const { certificate, key } = issueCertificate({ name: DOMAIN, names: [DOMAIN], to, issuer: authority })
    writeFileSync(scratch.at("service/certificate.pem"), certificate)
    writeFileSync(scratch.at("service/key.pem"), key, { mode: 0o600 })
    const more = {
      NIGHTLATCH_TRUSTED_PROXIES: "10.9.9.9",
      NIGHTLATCH_TLS_CERT: "certificate.pem",
      NIGHTLATCH_TLS_KEY: "key.pem",
    }
    await running(more, async () => {
      // As a proxy that ends TLS and speaks it again.
      const passedOn = { port, ca: authority.certificate, headers: { "x-forwarded-for": "192.0.2.7" } }
      let lines: readonly Line[] = []
      await until(async () => {
        lines = await look(passedOn)
        return lines.find(({ id }) => id === "proxy")?.state !== "holds"
      })
      assertOnly(lines, "proxy", "fails", /127\.0\.0\.1, which nobody named/)
    })
  })

  it("with hashes of another system: passwords", async () => {
    const hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
    writeFileSync(scratch.at("service/users.csv"), `email,hash,verified\nada@example.com,${hash},true\n`)
    const imported = await command(folder, ["user", "import", "users.csv"], "", usual)
    assert.equal(imported.code, 0, imported.error)
    await running({}, async () => {
      await until(async () => (await stateOf("password")) !== "holds")
      assertOnly(
        await throughNginx(),
        "password",
        "weakened",
        /1 account has a hash that another system made/,
      )
    })
    assert.equal((await command(folder, ["user", "delete", "ada@example.com"], "", usual)).code, 0)
  })

  it("without PostgreSQL: sessions, since nobody hears what was revoked", async () => {
    await running({}, async () => {
      await cluster.kill()
      await until(async () => (await stateOf("session")) !== "holds", 30)
      assertOnly(await throughNginx(), "session", "fails", /revo/)
    })
  })
})
