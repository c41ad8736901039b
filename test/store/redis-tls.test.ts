/** rediss:// speaks only with a server whose certificate was verified, for the name that was configured. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { getCACertificates, setDefaultCACertificates } from "node:tls"
import { silentLogger } from "../../src/core/logger.ts"
import { Faults } from "../../src/core/misuse.ts"
import { openRedis, readRedis } from "../../src/store/redis/index.ts"
import { freePort, type RedisServer, startRedis, withRedisAndOpenssl } from "./redis-server.ts"

withRedisAndOpenssl("Redis over TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-redis-tls-"))
  let server: RedisServer
  let port: number

  function openssl(...words: readonly string[]): void {
    const made = spawnSync("openssl", words, { cwd: folder })
    if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`)
  }

  before(async () => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA")
    const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=DNS:localhost"]
    openssl(
      "req",
      "-x509",
      ...key,
      ...signed,
      "-keyout",
      "key.pem",
      "-out",
      "cert.pem",
      "-subj",
      "/CN=localhost",
    )
    for (const name of [".", "key.pem", "cert.pem", "ca.pem"]) chmodSync(join(folder, name), 0o755)
    port = await freePort()
    const files = { cert: "cert.pem", key: "key.pem", "ca-cert": "ca.pem" }
    server = await startRedis(
      ...["--tls-port", String(port), "--tls-auth-clients", "no"],
      ...Object.entries(files).flatMap(([name, file]) => [`--tls-${name}-file`, join(folder, file)]),
    )
  })
  after(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function count(host: string): Promise<string> {
    const policy = readRedis(`rediss://${host}:${port}`, new Faults())
    assert.ok(policy !== undefined)
    const redis = await openRedis(policy, new URL("https://api.example.com"), silentLogger)
    const bucket = { id: "0123456789abcdef", intervalMs: 1, burst: 1_000 }
    const said = await redis.buckets.take([bucket]).then(
      ({ passed }) => `counted ${passed}`,
      (error: Error) => error.message,
    )
    redis.close()
    return said
  }

  it("refuses an unknown authority and another name, and works with the right ones", async () => {
    assert.match(
      await count("localhost"),
      /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT/,
    )
    setDefaultCACertificates([...getCACertificates("default"), readFileSync(join(folder, "ca.pem"), "utf8")])
    assert.equal(await count("localhost"), "counted true")
    assert.match(await count("127.0.0.1"), /ERR_TLS_CERT_ALTNAME_INVALID/)
  })
})
