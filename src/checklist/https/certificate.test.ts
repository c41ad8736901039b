import assert from "node:assert/strict"
import { generateKeyPairSync } from "node:crypto"
import { describe, it } from "node:test"
import { createAuthority, issueCertificate } from "../../../test/service/certificates.ts"
import { Faults } from "../../core/misuse.ts"
import { judgeCertificate } from "./index.ts"

const DAY = 24 * 3_600_000
const authority = createAuthority("Test root")
const good = issueCertificate({ name: "api", names: ["api.example.com"], issuer: authority })
const other = issueCertificate({ name: "api", names: ["api.example.com"], issuer: authority })
const now = Date.now()

function codes(given: { certificate?: string; key?: string; hostname?: string; now?: number }): string[] {
  const faults = new Faults()
  const input = { ...good, hostname: "api.example.com", now, ...given }
  const ends = judgeCertificate(input, { certificate: "the certificate", key: "the key" }, faults)
  assert.equal(ends === undefined, faults.list.length > 0)
  for (const { problem, fix } of faults.list) {
    assert.doesNotMatch(problem + fix, /BEGIN|PRIVATE/)
    assert.ok(fix.length > 10)
  }
  return faults.list.map(({ code }) => code)
}

function named(...names: string[]) {
  return issueCertificate({ name: "api.example.com", names, issuer: authority })
}

describe("the service's own certificate", () => {
  it("is taken for its names, with the chain behind it", () => {
    assert.deepEqual(codes({}), [])
    assert.deepEqual(codes({ certificate: good.certificate + authority.certificate }), [])
    assert.deepEqual(codes({ ...named("*.example.com") }), [])
    assert.deepEqual(codes({ ...named("localhost"), hostname: "localhost" }), [])
    assert.deepEqual(codes({ ...named("127.0.0.1"), hostname: "127.0.0.1" }), [])
  })

  it("is refused when clients would refuse it", () => {
    assert.deepEqual(codes({ hostname: "example.com" }), ["https.certificate_name"])
    assert.deepEqual(codes({ hostname: "api.example.com.evil.example" }), ["https.certificate_name"])
    assert.deepEqual(codes({ ...named("*.com"), hostname: "api.example.com" }), ["https.certificate_name"])
    assert.deepEqual(codes({ ...named("www.example.com") }), ["https.certificate_name"])
    // A name in the subject alone.
    assert.deepEqual(codes({ ...named() }), ["https.certificate_name"])
    assert.deepEqual(codes({ ...named("localhost"), hostname: "127.0.0.1" }), ["https.certificate_name"])
    assert.deepEqual(codes({ now: now + 31 * DAY }), ["https.certificate_expired"])
    assert.deepEqual(codes({ now: now - DAY }), ["https.certificate_early"])
  })

  it("is refused with another's key, and what is neither is told apart", () => {
    assert.deepEqual(codes({ key: other.key }), ["https.key_mismatch"])
    assert.deepEqual(codes({ certificate: "" }), ["https.certificate_unreadable"])
    assert.deepEqual(codes({ certificate: good.key }), ["https.certificate_unreadable"])
    assert.deepEqual(codes({ key: good.certificate }), ["https.key_unreadable"])
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const sealed = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" } as const
    assert.deepEqual(codes({ key: String(privateKey.export(sealed)) }), ["https.key_unreadable"])
  })
})
