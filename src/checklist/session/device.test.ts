import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { createKnownDevices } from "./index.ts"

const DAY = 86_400_000
let now = 1_800_000_000_000
const clock = () => now
const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const devices = createKnownDevices({ keys: { list: [one] }, clock })

test("a browser that signed in is known for its account and for no other", () => {
  const value = devices.issue("ada")
  assert.equal(devices.knows(value, "ada"), true)
  assert.equal(devices.knows(value, "bob"), false)
  assert.equal(devices.knows(value, undefined), false)
  assert.equal(devices.knows(devices.issue(""), undefined), false)
  assert.equal(devices.knows(undefined, "ada"), false)
  assert.equal(devices.knows("", "ada"), false)
})

test("two browsers of one account have different values", () => {
  assert.notEqual(devices.issue("ada"), devices.issue("ada"))
})

test("it is forgotten after 180 days", () => {
  const value = devices.issue("ada")
  now += 180 * DAY - 1_000
  assert.equal(devices.knows(value, "ada"), true)
  now += 1_000
  assert.equal(devices.knows(value, "ada"), false)
  assert.equal(devices.maxAgeSeconds, 180 * 24 * 3600)
})

test("it is known by any of the secrets and made by the first", () => {
  const value = devices.issue("ada")
  assert.equal(createKnownDevices({ keys: { list: [two, one] }, clock }).knows(value, "ada"), true)
  assert.equal(createKnownDevices({ keys: { list: [one, two] }, clock }).knows(value, "ada"), true)
  assert.equal(createKnownDevices({ keys: { list: [two] }, clock }).knows(value, "ada"), false)
})

test("no other text is known, and none throws", () => {
  const value = devices.issue("ada")
  fc.assert(
    fc.property(
      fc.nat(value.length - 1),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
      (at, put) => {
        const changed = value.slice(0, at) + put + value.slice(at + 1)
        assert.equal(devices.knows(changed, "ada"), changed === value)
      },
    ),
    { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 20_000 : 500 },
  )
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 100 }), (text) => !devices.knows(text, "ada")))
})
