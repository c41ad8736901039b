import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { test } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import { readSecrets } from "./index.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const ORIGIN = new URL("https://api.example.com")

function codesOf(input: unknown): readonly string[] {
  const faults = new Faults()
  readSecrets(input, ORIGIN, faults)
  return faults.list.map((fault) => fault.code)
}

test("law: 32 random bytes pass in every usual encoding", () => {
  const rounds = LONG ? 100_000 : 4000
  for (let round = 0; round < rounds; round++) {
    const bytes = randomBytes(32)
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      const codes = codesOf(bytes.toString(encoding))
      assert.deepEqual(codes, [], encoding)
    }
  }
})

test("law: a unit of at most 8 characters repeated is refused, whatever its length", () => {
  const unit = fc.string({ minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(unit, fc.integer({ min: 2, max: 40 }), (text, times) => {
      assert.notDeepEqual(codesOf(text.repeat(times)), [])
    }),
    { numRuns: LONG ? 20_000 : 1000 },
  )
})

test("law: any input is judged without throwing, and no fault repeats it", () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.array(fc.string())), (input) => {
      const faults = new Faults()
      readSecrets(input, ORIGIN, faults)
      const long = [input].flat().filter((text) => typeof text === "string" && text.length >= 12)
      for (const text of long)
        assert.ok(!JSON.stringify(faults.list).includes(JSON.stringify(text).slice(1, -1)))
    }),
    { numRuns: LONG ? 20_000 : 1000 },
  )
})
