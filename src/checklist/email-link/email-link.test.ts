import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { describe, it } from "node:test"
import fc from "fast-check"
import { sha256 } from "../../core/bytes.ts"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { createEmailLinks, readEmailLink, state } from "./index.ts"

const keys = [randomBytes(32), randomBytes(32)]
const links = createEmailLinks({ list: keys })

describe("a flow", () => {
  it("is named by its cookie and by nothing else", () => {
    const { cookie, flowId, secretHash } = links.begin()
    assert.match(cookie, /^[A-Za-z0-9_-]{64}$/)
    assert.deepEqual(links.readCookie(cookie), { flowId, secretHash })
    for (const value of [
      undefined,
      "",
      "x",
      flowId,
      cookie.slice(1),
      `${cookie}A`,
      `${cookie.slice(0, 63)}=`,
    ])
      assert.equal(links.readCookie(value), undefined, value)
  })
  it("shares nothing with another one", () => {
    const [a, b] = [links.begin(), links.begin()]
    assert.notEqual(a.flowId, b.flowId)
    assert.notDeepEqual(a.secretHash, b.secretHash)
  })
  it("takes any 48 bytes and throws at nothing", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
        const read = links.readCookie(text)
        return read === undefined || read.secretHash.byteLength === 32
      }),
    )
  })
})

describe("a code", () => {
  it("has six digits, and is sealed for its flow", () => {
    const { flowId } = links.begin()
    const { code, mac } = links.newCode(flowId)
    assert.match(code, /^\d{6}$/)
    assert.deepEqual(links.proofOfCode(flowId, code)?.codeMacs[0], mac)
    const other = links.proofOfCode(links.begin().flowId, code)
    assert.ok(other?.codeMacs.every((each) => !Buffer.from(each).equals(mac)))
  })
  it("is any of the million, the small ones with their zeros", () => {
    const { flowId } = links.begin()
    const codes = Array.from({ length: 2_000 }, () => links.newCode(flowId).code)
    assert.ok(new Set(codes).size > 1_900)
    const first = new Set(codes.map((code) => code[0]))
    assert.equal(first.size, 10)
  })
  it("still works when a newer secret signs", () => {
    const { flowId } = links.begin()
    const { code, mac } = links.newCode(flowId)
    const rotated = createEmailLinks({ list: [randomBytes(32), ...keys] })
    assert.ok(rotated.proofOfCode(flowId, code)?.codeMacs.some((each) => Buffer.from(each).equals(mac)))
    const foreign = createEmailLinks({ list: [randomBytes(32)] })
    assert.ok(!foreign.proofOfCode(flowId, code)?.codeMacs.some((each) => Buffer.from(each).equals(mac)))
  })
  it("is read as people type it", () => {
    const { flowId } = links.begin()
    const wanted = links.proofOfCode(flowId, "012345")
    for (const typed of ["012 345", " 012345\n", "012-345", "０１２３４５"])
      assert.deepEqual(links.proofOfCode(flowId, typed), wanted, typed)
    for (const typed of ["", "12345", "0123456", "01234a", "٠١٢٣٤٥", "1e5000", "-12345x"])
      assert.equal(links.proofOfCode(flowId, typed), undefined, typed)
  })
})

describe("a link", () => {
  it("is looked up by its hash", () => {
    const token = "a".repeat(43)
    assert.deepEqual(links.proofOfLink(token), { tokenHash: sha256(token) })
  })
})

describe("the options", () => {
  it("have safe defaults: on, ten minutes, five an hour", () => {
    const faults = new Faults()
    assert.deepEqual(readEmailLink(undefined, faults), {
      enabled: true,
      registers: true,
      perHour: 5,
      perDay: 15,
      lifetimeMs: 600_000,
    })
    assert.equal(faults.list.length, 0)
  })
  for (const [input, path] of [
    [{ lifetimeSeconds: 601 }, "emailLink.lifetimeSeconds"],
    [{ lifetimeSeconds: 0 }, "emailLink.lifetimeSeconds"],
    [{ enabled: "yes" }, "emailLink.enabled"],
    [{ perHour: 16, perDay: 15 }, "emailLink.perDay"],
    [{ perHours: 1 }, "emailLink.perHours"],
  ] as const) {
    it(`refuse ${JSON.stringify(input)}`, () => {
      const faults = new Faults()
      readEmailLink(input, faults)
      assert.ok(
        faults.list.some((fault) => fault.path === path && fault.fix !== ""),
        JSON.stringify(faults.list),
      )
    })
  }
})

describe("the line of the checklist", () => {
  const facts = (emailLink: Facts["emailLink"]): Facts => ({ emailLink }) as Facts
  it("tells whether it is on and for whom", () => {
    const on = state(facts({ enabled: true, registers: true, lifetimeSeconds: 600, failedInARow: 2 }))
    assert.equal(on.state, "holds")
    assert.match(on.why, /new addresses.*10 minutes/)
    assert.match(
      state(facts({ enabled: false, registers: true, lifetimeSeconds: 600, failedInARow: 0 })).why,
      /Switched off/,
    )
    const broken = state(facts({ enabled: false, registers: true, lifetimeSeconds: 600, failedInARow: 3 }))
    assert.deepEqual([broken.state, /the last 3 attempts failed/.test(broken.why)], ["weakened", true])
  })
})
