import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { readHttps } from "../https/index.ts"
import { pageHeaders, readHeader, state } from "./index.ts"

const https = readHttps(undefined, new URL("https://api.example.com"), new Faults())

function read(input?: unknown) {
  const faults = new Faults()
  const { headers } = readHeader(input, https, faults)
  return { headers: new Map(headers), codes: faults.list.map((fault) => fault.code), list: headers }
}

describe("header", () => {
  it("says on every answer what must not be done with it", () => {
    const { headers, codes } = read()
    assert.deepEqual(codes, [])
    assert.equal(headers.get("x-content-type-options"), "nosniff")
    assert.equal(headers.get("x-frame-options"), "DENY")
    assert.equal(headers.get("referrer-policy"), "no-referrer")
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin")
    assert.match(
      headers.get("content-security-policy") ?? "",
      /default-src 'none'.*frame-ancestors 'none'.*base-uri 'none'/,
    )
    assert.match(headers.get("strict-transport-security") ?? "", /max-age=31536000/)
    assert.equal(headers.get("server") ?? headers.get("x-powered-by"), undefined)
  })

  it("sends no HSTS on a loopback name", () => {
    const local = readHttps(undefined, new URL("http://localhost:3000"), new Faults())
    const names = readHeader(undefined, local, new Faults()).headers.map(([name]) => name)
    assert.ok(!names.includes("strict-transport-security"))
  })

  const bad: readonly [string, unknown, string][] = [
    ["a misspelt option", { contentSecurityPolice: "x" }, "option.unknown"],
    [
      "a policy without frame-ancestors",
      { contentSecurityPolicy: "default-src 'self'; base-uri 'none'" },
      "header.policy",
    ],
    [
      "a policy that lets any script run",
      {
        contentSecurityPolicy:
          "default-src 'self'; script-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
      },
      "header.policy",
    ],
    [
      "a policy with a line break",
      { contentSecurityPolicy: "default-src 'self'; base-uri 'none';\r\nframe-ancestors 'none'" },
      "header.policy",
    ],
    ["a referrer policy that tells everything", { referrerPolicy: "unsafe-url" }, "option.invalid"],
    ["a resource policy for everybody", { crossOriginResourcePolicy: "cross-origin" }, "option.invalid"],
  ]
  for (const [what, input, code] of bad) {
    it(`refuses to start with ${what}`, () => assert.ok(read(input).codes.includes(code)))
  }

  it("lets a page load from its own origin alone", () => {
    const page = new Map(pageHeaders())
    assert.match(page.get("content-security-policy") ?? "", /script-src 'self'.*frame-ancestors 'none'/)
    assert.doesNotMatch(page.get("content-security-policy") ?? "", /unsafe/)
    assert.equal(page.get("referrer-policy"), "same-origin")
    assert.equal(page.get("cache-control"), "no-store")
  })

  it("says whether its line holds", () => {
    const facts = (names: readonly string[]) => ({ header: { names, hstsSeconds: 0 } }) as unknown as Facts
    assert.equal(state(facts(read().list.map(([name]) => name))).state, "holds")
    assert.equal(state(facts(["x-frame-options"])).state, "fails")
  })
})
