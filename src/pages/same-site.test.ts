import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { looksSameSite } from "./same-site.ts"

describe("two origins look like one site", () => {
  const CASES: readonly (readonly [string, string, boolean])[] = [
    ["https://id.example.com", "https://id.example.com:8443", true],
    ["https://id.example.com", "https://app.example.com", true],
    ["https://example.com", "https://app.example.com", true],
    ["https://a.b.example.com", "https://c.example.com", true],
    ["https://id.example.co.uk", "https://app.example.co.uk", true],
    ["http://localhost:3000", "http://localhost:5173", true],
    ["https://id.example.com", "http://app.example.com", false],
    ["https://id.example.com", "https://id.example.org", false],
    ["https://example.com", "https://example.com.evil.example", false],
    ["https://one.co.uk", "https://two.co.uk", false],
    ["http://localhost:3000", "http://127.0.0.1:3000", false],
    ["http://127.0.0.1", "http://10.0.0.1", false],
    ["http://[::1]", "http://[::2]", false],
  ]
  for (const [a, b, same] of CASES) {
    it(`${a} and ${b}: ${same ? "yes" : "no"}`, () => {
      assert.equal(looksSameSite(new URL(a), new URL(b)), same)
      assert.equal(looksSameSite(new URL(b), new URL(a)), same)
    })
  }
})
