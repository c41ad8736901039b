import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import PostalMime from "postal-mime"
import { normaliseMailAddress } from "./address.ts"

const GOOD: readonly [string, string][] = [
  ["someone@example.com", "someone@example.com"],
  ["Some.One+tag@Example.COM", "some.one+tag@example.com"],
  ["o'brien@example.co.uk", "o'brien@example.co.uk"],
  ["a@b.example", "a@b.example"],
  ["someone@bücher.example", "someone@xn--bcher-kva.example"],
  ["someone@xn--bcher-kva.example", "someone@xn--bcher-kva.example"],
  [`${"a".repeat(64)}@example.com`, `${"a".repeat(64)}@example.com`],
]

/** Each is one text to us and another address, or several, to somebody behind us. */
const BAD: readonly string[] = [
  "",
  "@",
  "someone",
  "@example.com",
  "someone@",
  "someone@localhost",
  "someone@example",
  "someone@127.0.0.1",
  "someone@[127.0.0.1]",
  "someone@[IPv6:::1]",
  "someone@0x7f.1",
  "a@b@example.com",
  "victim@example.com@evil.example",
  "victim@example.com,thief@evil.example",
  "victim@example.com;thief@evil.example",
  "victim@example.com thief@evil.example",
  "victim@example.com\nBcc: thief@evil.example",
  "victim@example.com\r\nBcc: thief@evil.example",
  "victim@example.com\u0000thief@evil.example",
  "victim@example.com%0aBcc:thief@evil.example",
  "<someone@example.com>",
  "Someone <someone@example.com>",
  '"someone"@example.com',
  '"a@b"@example.com',
  "someone(comment)@example.com",
  "someone@example.com(comment)",
  "someone@exam(x)ple.com",
  ".someone@example.com",
  "someone.@example.com",
  "some..one@example.com",
  "some one@example.com",
  " someone@example.com",
  "someone@example.com ",
  "someone@example.com.",
  "someone@.example.com",
  "someone@-example.com",
  "someone@example-.com",
  "someone@exa_mple.com",
  "someone@example.com:25",
  "someone@example.com/path",
  "someone@example.com?x=1",
  "someone@example.com#x",
  "someone@user:pass@example.com",
  "someone\uff20example.com",
  "someone@example\u3002com",
  "someone@example\uff0ecom",
  "someone@ex\u00adample.com",
  "someone@ex\u200bample.com",
  "someone@\u202eelpmaxe.com",
  "\u017fomeone@example.com",
  "\u212Aate@example.com",
  "mike@example.org\u2028",
  "someone@\u2100.example",
  "=?utf-8?q?someone?=@example.com ",
  "mailto:someone@example.com",
  `${"a".repeat(65)}@example.com`,
  `a@${"b".repeat(64)}.example`,
  `a@${"b.".repeat(130)}com`,
]

describe("an address", () => {
  for (const [given, stored] of GOOD) {
    it(`takes ${given.slice(0, 40)}`, () => assert.equal(normaliseMailAddress(given), stored))
  }

  it("refuses whatever is more than one plain address", (t) => {
    for (const text of BAD) assert.equal(normaliseMailAddress(text), undefined, JSON.stringify(text))
    t.diagnostic(`${BAD.length} hostile addresses`)
  })

  it("has one spelling: reading what was read changes nothing, and it is plain ASCII", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.emailAddress(),
      fc.tuple(fc.string(), fc.string({ unit: "grapheme" })).map(([a, b]) => `${a}@${b}.example`),
      fc.constantFrom(...BAD, ...GOOD.map(([given]) => given)).map((each) => each.toUpperCase()),
    )
    let taken = 0
    fc.assert(
      fc.property(text, (given) => {
        const stored = normaliseMailAddress(given)
        if (stored === undefined) return
        taken++
        assert.match(stored, /^[!-~]+$/)
        assert.equal(normaliseMailAddress(stored), stored)
        assert.equal(stored.split("@").length, 2)
        assert.doesNotMatch(stored, /[\s,;<>()"[\]\\:]/)
      }),
      { numRuns: 2_000 },
    )
    assert.ok(taken > 100, `${taken}`)
  })

  it("is the one address that a mail parser of others reads in a header", async () => {
    for (const [, stored] of GOOD) {
      const mail = await PostalMime.parse(`To: ${stored}\r\nSubject: x\r\n\r\nx`)
      assert.deepEqual(
        mail.to?.map(({ address }) => address),
        [stored],
      )
    }
  })
})
