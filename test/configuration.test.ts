/** Everything a careful or careless user can set wrong: the start is refused, with the place, a code and the change that mends it. */
import assert from "node:assert/strict"
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { MisuseError, nightlatch, UnavailableError } from "../src/index.ts"
import { compose } from "../src/latch/latch.ts"
import { readPolicies } from "../src/latch/policy.ts"
import { openStore } from "../src/store/open.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-configurations-"))
after(() => rmSync(folder, { recursive: true, force: true }))

const readable = join(folder, "readable.db")
writeFileSync(readable, "")
chmodSync(readable, 0o644)
const SECRET = generateSecret()
const GOOD = { origin: "http://localhost:3000", secret: SECRET, database: ":memory:" }
const PUBLIC = {
  ...GOOD,
  origin: "https://api.example.com",
  mail: { smtpUrl: "smtps://mail.example.com", from: "accounts@example.com" },
}
const smtp = (smtpUrl: unknown) => ({ mail: { smtpUrl, from: "accounts@example.com" } })

/** What is changed in a good configuration, the place that is named, and the code. */
type Row = readonly [change: Readonly<Record<string, unknown>>, path: string, code: string]

const ROWS: readonly Row[] = [
  [{ origin: undefined }, "origin", "option.invalid"],
  [{ origin: 3000 }, "origin", "option.invalid"],
  [{ origin: "" }, "origin", "origin.invalid"],
  [{ origin: "localhost:3000" }, "origin", "origin.invalid"],
  [{ origin: "ftp://example.com" }, "origin", "origin.invalid"],
  [{ origin: "http://localhost:3000/" }, "origin", "origin.not_exact"],
  [{ origin: "http://LOCALHOST:3000" }, "origin", "origin.not_exact"],
  [{ origin: "http://user@localhost:3000" }, "origin", "origin.not_exact"],
  [{ ...PUBLIC, origin: "https://api.example.com:443" }, "origin", "origin.not_exact"],
  [{ ...PUBLIC, origin: "http://api.example.com" }, "origin", "https.origin"],
  [{ secret: undefined }, "secret", "secret.missing"],
  [{ secret: "" }, "secret", "secret.missing"],
  [{ secret: [] }, "secret", "secret.missing"],
  [{ secret: 12345 }, "secret", "option.invalid"],
  [{ secret: "changeme" }, "secret", "secret.published"],
  [{ secret: "kJ8sYc4bWz" }, "secret", "secret.short"],
  [{ secret: "ab".repeat(40) }, "secret", "secret.weak"],
  [{ secret: `${SECRET}\n` }, "secret", "secret.blank"],
  [{ secret: [SECRET, SECRET] }, "secret", "secret.duplicate"],
  [{ secret: Array.from({ length: 9 }, generateSecret) }, "secret", "secret.too_many"],
  [{ database: undefined }, "database", "option.invalid"],
  [{ database: "" }, "database", "option.invalid"],
  [{ database: "mysql://localhost/app" }, "database", "database.unknown_engine"],
  [{ database: "postgres://localhost/app" }, "database", "database.url"],
  [{ database: "postgres://app@db.example.com/app?sslmode=require" }, "database", "database.tls_unverified"],
  [{ databaseDirect: "postgres://app@db.example.com/app" }, "databaseDirect", "database.direct_of_file"],
  [{ redis: "127.0.0.1:6379" }, "redis", "redis.address"],
  [{ redis: "redis://127.0.0.1/main" }, "redis", "redis.address"],
  [{ redis: { url: "redis://127.0.0.1" } }, "redis", "redis.address"],
  [{ redis: "redis://:word@redis.example.com" }, "redis", "redis.plain"],
  [{ rateLimit: { whenSharedIsGone: "refuse" } }, "rateLimit.whenSharedIsGone", "rate-limit.not_shared"],
  [{ rateLimit: { whenSharedIsGone: "open" } }, "rateLimit.whenSharedIsGone", "option.invalid"],
  [{ database: folder }, folder, "database.not_a_file"],
  [{ database: readable }, readable, "database.readable"],
  [{ basePath: "auth" }, "basePath", "option.base_path"],
  [{ basePath: "/auth/" }, "basePath", "option.base_path"],
  [{ basePath: "/Auth" }, "basePath", "option.base_path"],
  [{ basePath: 5 }, "basePath", "option.invalid"],
  [{ hosts: ["http://example.com"] }, "hosts.0", "host.invalid"],
  [{ hosts: "example.com" }, "hosts", "option.invalid"],
  [{ publicRoutes: ["/products"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["get /products"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["GET products"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["GET /a/*/b"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["GET /a//b"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["GET /a/../b"] }, "publicRoutes.0", "guard.public_route"],
  [{ publicRoutes: ["GET /auth/me"] }, "publicRoutes", "guard.public_flow"],
  [{ healthPaths: ["healthz"] }, "healthPaths.0", "guard.health_path"],
  [{ healthPaths: ["GET /healthz"] }, "healthPaths.0", "guard.health_path"],
  [{ healthPaths: ["/health/*"] }, "healthPaths.0", "guard.health_path"],
  [{ healthPaths: ["/a/../b"] }, "healthPaths.0", "guard.health_path"],
  [{ healthPaths: ["/auth/me"] }, "healthPaths", "guard.public_flow"],
  [{ healthPaths: "/healthz" }, "healthPaths", "option.invalid"],
  [{ registration: "anyone" }, "registration", "option.invalid"],
  [{ bearer: "yes" }, "bearer", "option.invalid"],
  [{ cookie: { topology: "cross-site" } }, "cookie.topology", "cookie.not_built"],
  [{ cookie: { topology: "one-hots" } }, "cookie.topology", "cookie.unknown_topology"],
  [{ ...PUBLIC, cookie: { topology: "loopback-http" } }, "cookie.topology", "cookie.not_loopback"],
  [{ cookie: { domain: ".example.com" } }, "cookie.domain", "option.unknown"],
  [{ cors: { origins: ["*"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { origins: ["null"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { origins: ["https://*.example.com"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { origins: ["app.example.com"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { origins: ["https://app.example.com/"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { origins: ["http://app.example.com"] } }, "cors.origins.0", "cors.origin"],
  [{ ...PUBLIC, cors: { origins: ["http://localhost:5173"] } }, "cors.origins.0", "cors.origin"],
  [{ cors: { methods: ["TRACE"] } }, "cors.methods", "cors.method"],
  [{ cors: { headers: ["*"] } }, "cors.headers", "cors.header"],
  [{ cors: { maxAgeSeconds: 100_000 } }, "cors.maxAgeSeconds", "option.invalid"],
  [{ csrf: { mode: "token" } }, "csrf.mode", "csrf.not_built"],
  [{ csrf: { enabled: false } }, "csrf.enabled", "option.unknown"],
  [{ event: { retentionDays: 0 } }, "event.retentionDays", "option.invalid"],
  [
    { header: { contentSecurityPolicy: "default-src 'none'" } },
    "header.contentSecurityPolicy",
    "header.policy",
  ],
  [
    {
      header: {
        contentSecurityPolicy: "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
      },
    },
    "header.contentSecurityPolicy",
    "header.policy",
  ],
  [{ header: { referrerPolicy: "unsafe-url" } }, "header.referrerPolicy", "option.invalid"],
  [{ https: { hstsSeconds: 3600 } }, "https.hstsSeconds", "https.hsts"],
  [{ ...PUBLIC, mail: undefined }, "mail", "mail.missing"],
  [smtp("mail.example.com"), "mail.smtpUrl", "mail.smtp_url"],
  [smtp("http://mail.example.com"), "mail.smtpUrl", "mail.smtp_url"],
  [smtp("smtp://mail.example.com/?tls=no"), "mail.smtpUrl", "mail.smtp_url"],
  [smtp("smtp://user:word@mail.example.com:25"), "mail.smtpUrl", "mail.smtp_url"],
  [{ mail: { smtpUrl: "smtps://mail.example.com" } }, "mail.from", "mail.from"],
  [{ mail: { smtpUrl: "smtps://mail.example.com", from: "A <a@example.com>" } }, "mail.from", "mail.from"],
  [{ mail: { from: "bad" } }, "mail.from", "mail.from"],
  [{ mail: { sendMail: "sendmail" } }, "mail.sendMail", "option.invalid"],
  [
    { mail: { ...smtp("smtps://mail.example.com").mail, sendMail: async () => {} } },
    "mail",
    "mail.two_transports",
  ],
  [{ mail: { limits: { perRecipientHour: 0 } } }, "mail.limits.perRecipientHour", "option.invalid"],
  [{ overload: { bodyBytes: 1 } }, "overload.bodyBytes", "overload.range"],
  [{ overload: { loopDelayMs: 0 } }, "overload.loopDelayMs", "overload.range"],
  [{ overload: { headerSeconds: 60 } }, "overload.requestSeconds", "overload.range"],
  [{ password: { minimumLength: 8 } }, "password.minimumLength", "password.minimum_length"],
  [{ password: { memoryKib: 1024 } }, "password.memoryKib", "password.weak_hash"],
  [{ password: { passes: 1 } }, "password.passes", "password.weak_hash"],
  [{ password: { concurrency: 0 } }, "password.concurrency", "password.range"],
  [{ proxy: { trusted: true } }, "proxy.trusted", "option.invalid"],
  [{ proxy: { trusted: 99 } }, "proxy.trusted", "proxy.hops"],
  [{ proxy: { trusted: ["0.0.0.0/0"] } }, "proxy.trusted.0", "proxy.too_wide"],
  [{ proxy: { trusted: ["10.0.0.1/8"] } }, "proxy.trusted.0", "proxy.block"],
  [{ proxy: { trusted: ["loopback"] } }, "proxy.trusted.0", "proxy.block"],
  [{ proxy: { trusted: ["nginx", "cloudfare"] } }, "proxy.trusted.1", "proxy.block"],
  [{ proxy: { trusted: ["34.64.0.0/10"] } }, "proxy.trusted.0", "proxy.too_wide"],
  [{ rateLimit: { perAddress: "many" } }, "rateLimit.perAddress", "rate-limit.rate"],
  [{ rateLimit: { login: { perAccount: "5/min" } } }, "rateLimit.login.perAccount", "rate-limit.rate"],
  [{ rateLimit: { login: { perAccount: "0/minute" } } }, "rateLimit.login.perAccount", "rate-limit.rate"],
  [{ rateLimit: { capacity: 1 } }, "rateLimit.capacity", "rate-limit.capacity"],
  [{ session: { toleratedDelaySeconds: -1 } }, "session.toleratedDelaySeconds", "option.invalid"],
  [{ session: { idleSeconds: 10_000_000 } }, "session.idleSeconds", "session.idle_after_absolute"],
  [{ session: { idleSeconds: 12 } }, "session.idleSeconds", "session.idle_too_short"],
  [{ session: { idleSeconds: 600 } }, "session.idleSeconds", "session.shorter_than_token"],
  [{ session: { absoluteSeconds: 10 ** 9 } }, "session.absoluteSeconds", "option.invalid"],
  [{ token: { algorithm: "none" } }, "token.algorithm", "option.invalid"],
  [{ token: { algorithm: "HS256" } }, "token.algorithm", "option.invalid"],
  [{ token: { accessLifetimeSeconds: 86_400 } }, "token.accessLifetimeSeconds", "option.invalid"],
  [{ token: { audience: "" } }, "token.audience", "option.invalid"],
  [{ hooks: { accountCreated: "log" } }, "hooks.accountCreated", "option.invalid"],
  [{ hooks: { acountCreated: () => {} } }, "hooks.acountCreated", "option.unknown"],
  [{ logger: {} }, "logger.info", "option.invalid"],
  [{ unsafe: { acceptRevokedUntilExpiry: "yes" } }, "unsafe.acceptRevokedUntilExpiry", "option.invalid"],
  [{ unsafe: { disableCsrf: "we have our reasons" } }, "unsafe.disableCsrf", "option.unknown"],
  [{ clock: 5 }, "clock", "option.invalid"],
  [{ publicRoute: [] }, "publicRoute", "option.unknown"],
]

function faultsOf(options: unknown): MisuseError["faults"] {
  try {
    readPolicies(options)
  } catch (error) {
    assert.ok(error instanceof MisuseError, String(error))
    return error.faults
  }
  return []
}

describe("configurations", () => {
  for (const [change, path, code] of ROWS) {
    it(`refuses ${code}, ${JSON.stringify(change).slice(0, 80)}`, () => {
      const faults = faultsOf({ ...GOOD, ...change })
      const fault = faults.find((each) => each.path === path && each.code === code)
      assert.ok(fault !== undefined, JSON.stringify(faults))
      // A sentence of what to do, not an echo of what is wrong.
      assert.ok(fault.fix.length > 10 && fault.fix !== fault.problem)
      assert.match(fault.fix, /[.?]$|: (?:nightlatch secret|chmod 600 \S+)$/)
    })
  }

  it("is a table of at least 60, and the good ones start", (t) => {
    assert.deepEqual(faultsOf(GOOD), [])
    assert.deepEqual(faultsOf(PUBLIC), [])
    assert.ok(ROWS.length >= 60)
    t.diagnostic(`${ROWS.length} bad configurations`)
  })

  it("tells all faults of one configuration at once", () => {
    const faults = faultsOf({
      origin: "http://api.example.com/",
      secret: "changeme",
      database: "",
      cookie: { topology: "cross-site" },
      cors: { origins: ["*", "null"] },
      password: { minimumLength: 8, passes: 1 },
      proxy: { trusted: ["0.0.0.0/0"] },
      token: { algorithm: "none" },
      sesion: {},
    })
    const paths = faults.map(({ path }) => path)
    for (const path of [
      "origin",
      "secret",
      "database",
      "cookie.topology",
      "cors.origins.0",
      "cors.origins.1",
      "mail",
      "password.minimumLength",
      "password.passes",
      "proxy.trusted.0",
      "token.algorithm",
      "sesion",
    ]) {
      assert.ok(paths.includes(path), path)
    }
    assert.equal(faults.find(({ path }) => path === "sesion")?.fix, 'Did you mean "session"?')
  })

  it("judges the secrets of a function before anything is opened, with all other faults", async () => {
    const path = join(folder, "unmade", "nightlatch.db")
    const start = (secret: () => Promise<unknown>, more: object = {}) =>
      nightlatch({ ...GOOD, database: path, ...more, secret: secret as () => Promise<string> })
    const codes = (expected: readonly string[]) => (error: unknown) => {
      assert.ok(error instanceof MisuseError, String(error))
      assert.deepEqual(error.faults.map(({ code }) => code).sort(), expected)
      return true
    }
    const bad = { token: { algorithm: "none" as "EdDSA" } }
    await assert.rejects(
      start(async () => "changeme", bad),
      codes(["option.invalid", "secret.published"]),
    )
    await assert.rejects(
      start(async () => undefined),
      codes(["secret.missing"]),
    )
    await assert.rejects(
      start(async () => async () => SECRET),
      codes(["option.invalid"]),
    )
    const fails = () => Promise.reject(new Error("no"))
    await assert.rejects(start(fails, bad), codes(["option.invalid"]))
    assert.equal(existsSync(path), false)
    await assert.rejects(start(fails), UnavailableError)
    const own = new MisuseError([
      { code: "own.fault", path: "secret", problem: "it is gone", fix: "Find it." },
    ])
    await assert.rejects(
      start(() => Promise.reject(own), bad),
      codes(["option.invalid", "own.fault"]),
    )
    const latch = await start(async () => [SECRET, generateSecret()])
    assert.equal(latch.facts().secret.count, 2)
    await latch.close()
  })

  it("never composes a service whose secrets were not asked for", async () => {
    const policies = readPolicies({ ...GOOD, secret: async () => SECRET })
    assert.equal(policies.ring.count, 0)
    const store = await openStore(policies.database, { exclusive: true })
    await assert.rejects(compose(policies, store), /at least one/)
  })

  for (const nothing of [undefined, null, "options", 5, []]) {
    it(`refuses ${JSON.stringify(nothing)} instead of options`, async () => {
      await assert.rejects(nightlatch(nothing as never), MisuseError)
    })
  }
})
