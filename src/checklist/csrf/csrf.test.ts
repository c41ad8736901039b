import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import type { RequestView } from "../../core/request.ts"
import { checkCsrf, readCsrf } from "./index.ts"

const OWN = "https://api.example.com"
const LISTED = "https://app.example.com"
const policy = readCsrf(undefined, { origin: new URL(OWN), corsOrigins: [LISTED] }, new Faults())

function judge(method: string, headers: Record<string, string | string[]>, anyCookie = true): string {
  const values = (name: string) => [headers[name] ?? []].flat()
  const view = {
    method,
    header: (name: string) => values(name)[0],
    headerValues: values,
    credentials: { anyCookie },
  }
  const verdict = checkCsrf(policy, view as unknown as RequestView)
  return verdict.kind === "refusal" ? verdict.refusal.code : verdict.kind
}

describe("csrf", () => {
  const cases: readonly [string, Record<string, string | string[]>, string][] = [
    ["our own page", { "sec-fetch-site": "same-origin", origin: OWN }, "pass"],
    ["our own page in a browser that sends no Origin", { "sec-fetch-site": "same-origin" }, "pass"],
    ["the visitor himself", { "sec-fetch-site": "none" }, "pass"],
    ["a listed origin on another site", { "sec-fetch-site": "cross-site", origin: LISTED }, "pass"],
    ["a listed origin on our site", { "sec-fetch-site": "same-site", origin: LISTED }, "pass"],
    ["an older browser on our page", { origin: OWN }, "pass"],
    [
      "a form of another site",
      { "sec-fetch-site": "cross-site", origin: "https://evil.example" },
      "csrf.cross_site",
    ],
    ["a form of another site without Origin", { "sec-fetch-site": "cross-site" }, "csrf.cross_site"],
    [
      "a neighbour on our site",
      { "sec-fetch-site": "same-site", origin: "https://blog.example.com" },
      "csrf.cross_site",
    ],
    ["a neighbour on our site without Origin", { "sec-fetch-site": "same-site" }, "csrf.cross_site"],
    ["an unknown word of Fetch Metadata", { "sec-fetch-site": "Same-Origin" }, "csrf.cross_site"],
    [
      "metadata that contradicts the Origin",
      { "sec-fetch-site": "same-origin", origin: "https://evil.example" },
      "csrf.cross_site",
    ],
    ["an older browser on another site", { origin: "https://evil.example" }, "csrf.cross_site"],
    [
      "JSON of another site",
      { origin: "https://evil.example", "content-type": "application/json" },
      "csrf.cross_site",
    ],
    [
      "our header from another site",
      { origin: "https://evil.example", "x-nightlatch": "1" },
      "csrf.cross_site",
    ],
    ["a sandboxed frame", { origin: "null" }, "csrf.cross_site"],
    ["two Origins", { origin: [OWN, "https://evil.example"] }, "csrf.cross_site"],
    ["cookies and nothing else", {}, "csrf.unproven"],
    ["cookies and a form", { "content-type": "application/x-www-form-urlencoded" }, "csrf.unproven"],
    [
      "cookies and a form that looks like JSON",
      { "content-type": "text/plain; application/json" },
      "csrf.unproven",
    ],
    [
      "cookies and a type that begins like JSON",
      { "content-type": "application/json-patch" },
      "csrf.unproven",
    ],
    [
      "cookies and a multipart form",
      { "content-type": "multipart/form-data; boundary=application/json" },
      "csrf.unproven",
    ],
    ["cookies and our header with another value", { "x-nightlatch": "true" }, "csrf.unproven"],
    ["cookies and JSON", { "content-type": "application/json" }, "pass"],
    ["cookies and JSON with a charset", { "content-type": "application/json; charset=utf-8" }, "pass"],
    ["cookies and our header", { "x-nightlatch": "1" }, "pass"],
  ]
  for (const [what, headers, expected] of cases) {
    it(`${expected === "pass" ? "passes" : "refuses"} ${what}`, () => {
      for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
        assert.equal(judge(method, headers), expected)
      for (const method of ["GET", "HEAD", "OPTIONS"]) assert.equal(judge(method, headers), "pass")
    })
  }

  it("passes a program without cookies, and refuses another site without cookies too", () => {
    assert.equal(judge("POST", {}, false), "pass")
    assert.equal(judge("POST", { origin: "https://evil.example" }, false), "csrf.cross_site")
    assert.equal(judge("POST", { "sec-fetch-site": "cross-site" }, false), "csrf.cross_site")
  })

  it("trusts exact strings only", () => {
    const mutated = fc
      .tuple(fc.constantFrom(OWN, LISTED), fc.nat(30), fc.string({ maxLength: 3 }))
      .map(([origin, at, piece]) => origin.slice(0, at) + piece + origin.slice(at))
    fc.assert(
      fc.property(
        fc.oneof(mutated, fc.string(), fc.webUrl()),
        fc.constantFrom("cross-site", "same-site", "x"),
        (origin, site) => {
          const trusted = origin === OWN || origin === LISTED
          assert.equal(judge("POST", { origin, "sec-fetch-site": site }) === "pass", trusted)
          assert.equal(judge("POST", { origin, "content-type": "application/json" }) === "pass", trusted)
        },
      ),
      { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 100_000 : 2_000 },
    )
  })

  for (const [input, code] of [
    [{ mode: "token" }, "csrf.not_built"],
    [{ mode: "off" }, "csrf.not_built"],
    [{ enabled: false }, "option.unknown"],
  ] as const) {
    it(`refuses to start with ${JSON.stringify(input)}`, () => {
      const faults = new Faults()
      readCsrf(input, { origin: new URL(OWN), corsOrigins: [] }, faults)
      assert.equal(faults.list[0]?.code, code)
    })
  }
})
