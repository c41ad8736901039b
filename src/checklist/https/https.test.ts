import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { checkHttps, readHttps, state } from "./index.ts"

function read(origin: string, input?: unknown) {
  const faults = new Faults()
  return { policy: readHttps(input, new URL(origin), faults), codes: faults.list.map((fault) => fault.code) }
}

describe("https", () => {
  const cases: readonly [string, boolean, boolean, boolean][] = [
    ["https://api.example.com", true, true, true],
    ["http://localhost:3000", false, false, true],
    ["https://localhost:3000", true, false, true],
    ["http://127.0.0.1:3000", false, false, true],
    ["http://[::1]:3000", false, false, true],
    ["http://app.localhost", false, false, true],
    ["http://api.example.com", false, false, false],
    ["http://localhost.example.com", false, false, false],
    ["http://192.168.1.5", false, false, false],
  ]
  for (const [origin, enforced, hsts, starts] of cases) {
    it(`${starts ? "starts" : "refuses to start"} on ${origin}, HSTS ${hsts ? "sent" : "not sent"}`, () => {
      const { policy, codes } = read(origin)
      assert.equal(policy.enforced, enforced)
      assert.equal(policy.hsts !== undefined, hsts)
      assert.deepEqual(codes, starts ? [] : ["https.origin"])
    })
  }

  it("refuses plain http only where https is the origin", () => {
    const [secure, plain] = [true, false].map((secure) =>
      checkHttps(read("https://a.example").policy, { secure }),
    )
    assert.equal(secure?.kind, "pass")
    assert.ok(plain?.kind === "refusal")
    assert.match(plain.reason, /NIGHTLATCH_TRUSTED_PROXIES/)
    assert.equal(checkHttps(read("http://localhost").policy, { secure: false }).kind, "pass")
  })

  it("promises a year with sub-domains, and less than that does not start", () => {
    assert.equal(read("https://a.example").policy.hsts, "max-age=31536000; includeSubDomains")
    assert.match(read("https://a.example", { preload: true }).policy.hsts ?? "", /; preload$/)
    assert.deepEqual(read("https://a.example", { hstsSeconds: 86_400 }).codes, ["https.hsts"])
    assert.deepEqual(read("https://a.example", { hstsSecond: 1 }).codes, ["option.unknown"])
  })

  it("says whether its line holds", () => {
    const facts = (loopback: boolean, enforced: boolean, hstsSeconds: number) =>
      ({ loopback, https: { enforced }, header: { names: [], hstsSeconds } }) as unknown as Facts
    assert.equal(state(facts(false, true, 31_536_000)).state, "holds")
    assert.equal(state(facts(true, false, 0)).state, "holds")
    assert.equal(state(facts(false, false, 0)).state, "fails")
  })
})
