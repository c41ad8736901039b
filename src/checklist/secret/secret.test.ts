import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { test } from "node:test"
import type { Facts, LineState } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { generateSecret, readSecrets, state } from "./index.ts"

const ORIGIN = new URL("https://api.example.com")

function codesOf(input: unknown): readonly string[] {
  const faults = new Faults()
  readSecrets(input, ORIGIN, faults)
  return faults.list.map((fault) => fault.code)
}

const good = generateSecret()
const HALF = randomBytes(16).toString("hex")

const BAD: readonly (readonly [name: string, input: unknown, codes: readonly string[]])[] = [
  ["none", undefined, ["secret.missing"]],
  ["empty text", "", ["secret.missing"]],
  ["empty list", [], ["secret.missing"]],
  ["null", null, ["option.invalid"]],
  ["a number", 42, ["option.invalid"]],
  ["a list with a number", [good, 42], ["option.invalid"]],
  ["a list with an empty text", [good, ""], ["secret.missing"]],
  ["16 random bytes in hex", randomBytes(16).toString("hex"), ["secret.short"]],
  ["31 random bytes in hex", randomBytes(31).toString("hex"), ["secret.short"]],
  ["31 random bytes in base64url", randomBytes(31).toString("base64url"), ["secret.short"]],
  ["40 digits", "7314159265358979323846264338327950288419", ["secret.short"]],
  ["a UUID", "f81d4fae-7dec-41d0-a765-00a0c91e6bf6", ["secret.short"]],
  ["42 small letters", "qmwnebrvtcyxuzilokpjahsgdfqpwoeirutyalskdj", ["secret.short"]],
  ["one letter 64 times", "a".repeat(64), ["secret.weak"]],
  ["64 zeros", "0".repeat(64), ["secret.short"]],
  ["80 zeros", "0".repeat(80), ["secret.weak"]],
  ["a word again and again", "Tr0ub4dor&3".repeat(8), ["secret.weak"]],
  ["two halves that are one", HALF.repeat(2), ["secret.weak"]],
  ["the alphabet", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", ["secret.weak"]],
  ["a half and a bit more of it", `${HALF}${HALF}${HALF.slice(0, 9)}`, ["secret.weak"]],
  ["24 random bytes twice", randomBytes(24).toString("base64url").repeat(2), ["secret.weak"]],
  ["a blank before", ` ${good}`, ["secret.blank"]],
  ["a line end", `${good}\n`, ["secret.blank"]],
  ["a control character", `${good.slice(0, 20)}\u0000${good.slice(20)}`, ["secret.blank"]],
  ["the same twice", [good, good], ["secret.duplicate"]],
  ["nine secrets", Array.from({ length: 9 }, () => generateSecret()), ["secret.too_many"]],
  ["two bad ones in a list", [good, "changeme", "short"], ["secret.published", "secret.short"]],
  ["a placeholder with our prefix", "nl_secret_your-256-bit-secret", ["secret.published"]],
  ["a placeholder made longer", `changeme-${"x1Y2z3".repeat(9)}`, ["secret.published"]],
]

for (const [name, input, codes] of BAD) {
  test(`refuses ${name}`, () => assert.deepEqual(codesOf(input), codes))
}

const GOOD: readonly (readonly [name: string, input: unknown])[] = [
  ["one of ours", generateSecret()],
  ["32 random bytes in hex", randomBytes(32).toString("hex")],
  ["32 random bytes in capital hex", randomBytes(32).toString("hex").toUpperCase()],
  ["32 random bytes in base64", randomBytes(32).toString("base64")],
  ["48 random bytes in base64url", randomBytes(48).toString("base64url")],
  ["a list of two", [generateSecret(), randomBytes(32).toString("hex")]],
]

for (const [name, input] of GOOD) {
  test(`takes ${name}`, () => assert.deepEqual(codesOf(input), []))
}

test("refuses published examples however they are spelt or encoded", () => {
  const texts = [
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
    "super-secret-jwt-token-with-at-least-32-characters-long",
    "complex_password_at_least_32_characters_long",
    "keyboard cat",
    "secret",
    "changeme",
  ]
  for (const text of texts) {
    const bytes = Buffer.from(text)
    const spellings = [
      text,
      text.toUpperCase(),
      text.replaceAll("-", "_"),
      bytes.toString("hex"),
      bytes.toString("base64"),
      bytes.toString("base64url"),
    ]
    for (const spelling of spellings) assert.deepEqual(codesOf(spelling), ["secret.published"], spelling)
  }
})

test("no fault repeats a secret", () => {
  const canary = "Canary7canary7Canary7canary7Canary7canary7"
  const faults = new Faults()
  readSecrets([canary, `${canary} `, canary.repeat(3), { canary }], ORIGIN, faults)
  readSecrets([canary, canary.repeat(3)], ORIGIN, faults)
  readSecrets([`${good} `, good, good], ORIGIN, faults)
  const told = JSON.stringify(faults.list)
  assert.ok(faults.list.length >= 5)
  assert.ok(!told.includes("Canary7") && !told.includes(good))
})

test("a refused secret still gives a ring, made of chance", () => {
  const first = readSecrets("changeme", ORIGIN, new Faults())
  const second = readSecrets("changeme", ORIGIN, new Faults())
  assert.notDeepEqual(first.keys("refresh-mac").list, second.keys("refresh-mac").list)
})

test("a generated secret can be found by a scanner and goes on one line", () => {
  assert.match(generateSecret(), /^nl_secret_[A-Za-z0-9_-]{43}$/)
  assert.notEqual(generateSecret(), generateSecret())
})

test("the line holds with a secret and names where it came from", () => {
  const judged = (count: number, secretSets = 1, renewal?: Facts["secret"]["renewal"]): LineState =>
    state({
      secret: { count, source: "NIGHTLATCH_SECRET_FILE", renewal },
      instances: { live: 3, secretSets },
    } as unknown as Facts)
  assert.equal(judged(0).state, "fails")
  assert.equal(judged(2).state, "holds")
  assert.match(judged(1).why, /from NIGHTLATCH_SECRET_FILE/)
  assert.equal(judged(1, 2).state, "fails")
  assert.match(judged(1, 2).why, /3 live instances have 2 different sets/)
  assert.match(judged(1, 2).fix ?? "", /the same NIGHTLATCH_ORIGIN and the same secrets/)
  assert.match(judged(1, 1, { ageMs: 42_000, fault: undefined }).why, /FILE, asked 42 s ago: long enough/)
  const failed = judged(2, 1, { ageMs: 900_000, fault: "it is empty [secret.missing]" })
  assert.equal(failed.state, "fails")
  assert.match(failed.why, /from NIGHTLATCH_SECRET_FILE: it is empty.* Those of 15 min ago stay in use/)
  assert.match(failed.fix ?? "", /each minute/)
})
