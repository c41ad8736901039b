/** Whatever is sent as an answer: refused with one of the stable codes, never thrown, never good. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { silentLogger } from "../../core/logger.ts"
import { Faults } from "../../core/misuse.ts"
import { writeAnswer } from "./answer.ts"
import { createBotChecks, readBotCheck } from "./index.ts"
import { makeTicket, readTicket } from "./ticket.ts"

const RUNS = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 20_000 : 500
const NOW = 1_800_000_000_000
const keys = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]

function checks(input: object = {}) {
  const faults = new Faults()
  const policy = readBotCheck(input, { loopback: true }, faults)
  faults.throwIfAny()
  return createBotChecks({
    policy,
    keys: { list: keys },
    hostnames: new Set(["localhost"]),
    clock: () => NOW,
    logger: silentLogger,
  })
}

const both = [
  checks(),
  // Nobody listens there: what comes so far as to be asked is `down`.
  checks({
    provider: "turnstile",
    siteKey: "1x00000000000000000000AA",
    secretKey: "1x0000000000000000000000000000000AA",
    verifyUrl: "http://127.0.0.1:9/siteverify",
  }),
]

const member = fc.oneof(
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string()),
)
const made = fc.dictionary(
  fc.constantFrom("algorithm", "challenge", "number", "salt", "signature", "took", "ticket", "token", "x"),
  member,
)

describe("any answer", () => {
  it("is refused with a code of ours", async () => {
    const text = fc.oneof(
      fc.string(),
      fc.base64String(),
      made.map(writeAnswer),
      fc.json().map((json) => Buffer.from(json).toString("base64")),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 2 }), async (values) => {
        for (const each of both) {
          const judged = await each.judge("register", values)
          assert.ok(judged.kind === "refusal" && judged.refusal.code === "bot_check.invalid")
          assert.equal(judged.refusal.status, 403)
          for (const value of values) assert.ok(value.length < 8 || !judged.reason.includes(value))
        }
      }),
      { numRuns: RUNS },
    )
  })

  it("that lacks is asked for", async () => {
    for (const each of both) {
      const judged = await each.judge("register", [])
      assert.ok(judged.kind === "refusal" && judged.refusal.code === "bot_check.required")
    }
  })
})

describe("a ticket", () => {
  const expires = NOW / 1000 + 600
  it("is its route's alone, and each bit of it counts", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 479 }), (bit) => {
        const ticket = makeTicket(keys[0] as Buffer, { route: "register", now: NOW, expires })
        assert.match(ticket, /^[A-Za-z0-9_-]{80}$/)
        assert.equal(readTicket(keys, "register", ticket)?.expires, expires)
        assert.equal(readTicket(keys, "register", ticket)?.issuedAt, NOW)
        assert.equal(readTicket(keys, "login", ticket), undefined)
        const bytes = Buffer.from(ticket, "base64url")
        const at = bit >> 3
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (bit & 7)), at)
        assert.equal(readTicket(keys, "register", bytes.toString("base64url")), undefined)
      }),
      { numRuns: RUNS },
    )
  })

  it("is no other text", () => {
    fc.assert(fc.property(fc.string(), (text) => readTicket(keys, "register", text) === undefined))
  })
})
