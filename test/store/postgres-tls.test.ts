/** TLS to the database: the right certificate for the right name, or no connection. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { type Cluster, canMakeCluster, makeCluster } from "./postgres-cluster.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-tls-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string): string => join(folder, name)

function openssl(...words: readonly string[]): void {
  const made = spawnSync("openssl", words, { cwd: folder })
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`)
}

/** A certificate authority, and a key with a certificate of it for `localhost` and nothing else. */
function makeCertificates(): void {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
  for (const name of ["root", "other"])
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
    )
  openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
  writeFileSync(at("names"), "subjectAltName=DNS:localhost\n")
  const by = ["-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-extfile", "names"]
  openssl("x509", "-req", "-in", "server.csr", ...by, "-out", "server.pem", "-days", "2")
}

const possible = canMakeCluster() && spawnSync("openssl", ["version"]).status === 0
if (!possible)
  it("postgres: TLS", (t) => {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there are no binaries of PostgreSQL, or no openssl")
    t.skip("no PostgreSQL binaries")
  })
else {
  let cluster: Cluster | undefined
  before(async () => {
    makeCertificates()
    const read = (name: string) => readFileSync(at(name), "utf8")
    cluster = await makeCluster({ "server.crt": read("server.pem"), "server.key": read("server.key") }, [
      "ssl=on",
    ])
    await cluster?.start()
  })
  after(() => cluster?.remove())

  const urlOf = (host: string, parameters: string) =>
    `postgres://postgres@${host}:${cluster?.port}/postgres${parameters}`
  const root = () => `?sslmode=verify-full&sslrootcert=${encodeURIComponent(at("root.pem"))}`

  it("reaches a server whose certificate is signed by the named authority, for its name", async () => {
    const store = await openPostgres({ url: urlOf("localhost", root()) })
    await store.ping()
    const { database } = store.describe()
    assert.ok(database.engine === "postgres" && database.verified)
    // All connections are, the one that hears of revocations as well.
    let heard = () => {}
    const hears = new Promise<void>((resolve) => (heard = resolve))
    const stop = store.watchRevocations?.(() => heard())
    await hears
    await stop?.()
    await store.close()
  })

  for (const [name, host, parameters] of [
    ["for another name", "127.0.0.1", root],
    ["signed by another authority", "localhost", () => root().replace("root.pem", "other.pem")],
    ["signed by nobody that this machine knows", "localhost", () => "?sslmode=verify-full"],
    // What the system resolves to this machine, but the URL does not say so: a network, and so verified unasked.
    ["that nobody asked to verify, on a network", "127.1", () => ""],
    ["that the URL says not to verify, on a network", "127.1", () => "?sslmode=disable"],
  ] as const) {
    it(`refuses a server with a certificate ${name}`, async () => {
      await assert.rejects(openPostgres({ url: urlOf(host, parameters()) }), (error) => {
        assert.ok(error instanceof UnavailableError)
        assert.match(String((error.cause as Error).message), /certificate|ERR_TLS_CERT|self.signed/i)
        return true
      })
    })
  }

  it("refuses a server without TLS, where it has to be verified", async () => {
    const plain = await makeCluster()
    await plain?.start()
    try {
      for (const [host, parameters] of [
        ["localhost", root()],
        ["127.1", ""],
      ]) {
        const url = `postgres://postgres@${host}:${plain?.port}/postgres${parameters}`
        await assert.rejects(openPostgres({ url }), (error) => {
          assert.match(String((error as Error & { cause: Error }).cause.message), /does not support SSL/)
          return true
        })
      }
    } finally {
      await plain?.remove()
    }
  })
}
