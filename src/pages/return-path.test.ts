import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { readReturn } from "./return-path.ts"

const policy = {
  origin: new URL("https://id.example.com"),
  origins: new Set(["https://app.example.com"]),
}

const RIGHT: readonly (readonly [string, string])[] = [
  ["/", "/"],
  ["/orders", "/orders"],
  ["/orders?open=1&x=%2F%2Fevil.example", "/orders?open=1&x=%2F%2Fevil.example"],
  ["/orders#top", "/orders#top"],
  ["/a/../b", "/b"],
  ["/%2F/evil.example", "/%2F/evil.example"],
  ["/@evil.example", "/@evil.example"],
  ["/?next=https://evil.example", "/?next=https://evil.example"],
  ['/a"b', "/a%22b"],
  ["https://app.example.com", "https://app.example.com/"],
  ["https://app.example.com/x?y=1#z", "https://app.example.com/x?y=1#z"],
  ["https://app.example.com:443/x", "https://app.example.com/x"],
]

const TRICKS: readonly string[] = [
  "",
  "orders",
  "./orders",
  "//evil.example",
  "///evil.example",
  "////evil.example/%2f..",
  "/\\evil.example",
  "\\\\evil.example",
  "\\/evil.example",
  "/\t/evil.example",
  "/\n/evil.example",
  "/\r\nLocation: https://evil.example",
  "\t//evil.example",
  " //evil.example",
  "/ /evil.example",
  "/.//evil.example",
  "/..//evil.example",
  "/a/..//evil.example",
  "/%2e//evil.example",
  "/./%2e%2e//evil.example",
  "/\u0000evil",
  "/\u200bevil",
  "/\u00a0evil",
  "/\u2028evil",
  "https://evil.example",
  "https:evil.example",
  "https:/evil.example",
  "https:///evil.example",
  "https://app.example.com.evil.example",
  "https://app.example.com@evil.example",
  "https://user@app.example.com/",
  "https://user:password@app.example.com/",
  "https://evil.example#https://app.example.com",
  "https://evil.example?https://app.example.com",
  "https://app.example.com\\@evil.example",
  "https://evil.example\\@app.example.com",
  "https://app.example.com:8443/",
  "http://app.example.com/",
  "HTTPS://app.example.com/x",
  "https:app.example.com/x",
  "https://APP.example.com/x",
  "https://ａpp.example.com/x",
  "https://id.example.com/orders",
  "javascript:alert(1)",
  "JaVaScRiPt:alert(1)",
  "java\nscript:alert(1)",
  "data:text/html,x",
  "blob:https://app.example.com/x",
  "view-source:https://app.example.com",
  "file:///etc/passwd",
  "?x",
  "#x",
  `/${"a".repeat(2048)}`,
]

describe("a return path", () => {
  for (const [given, read] of RIGHT) {
    it(`${given} is ${read}`, () => assert.equal(readReturn(policy, given), read))
  }
  for (const given of TRICKS) {
    it(`refuses ${JSON.stringify(given.slice(0, 50))}`, () =>
      assert.equal(readReturn(policy, given), undefined))
  }

  it("law: whatever is given, the browser lands on the own origin or on a listed one", () => {
    const piece = fc.constantFrom(
      ..."/\\.:@?#%2e2fhtps\t\n evil.example".split(""),
      "https:",
      "//",
      "/..",
      "evil.example",
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 12 }).map((all) => all.join("")),
          fc.string(),
        ),
        (text) => {
          const read = readReturn(policy, text)
          if (read === undefined) return
          // As a browser at our origin reads a Location, also when it is read a second time.
          const landed = new URL(read, "https://id.example.com/auth/form/sign-in")
          assert.ok(landed.origin === "https://id.example.com" || policy.origins.has(landed.origin), text)
          assert.equal(readReturn(policy, read), read)
          assert.ok(!/^\/[/\\]/.test(read) && !/[\s\\]/.test(read), text)
        },
      ),
      { numRuns: 5_000 },
    )
  })
})
