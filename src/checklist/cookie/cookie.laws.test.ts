import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import { readCookies } from "./index.ts"

const RUNS = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 100_000 : 3000
const policy = readCookies({}, new URL("https://api.example.com"), new Faults())
const { access, refresh, device } = policy.names

/** The same reading, written to be obvious: split, trim, compare. */
function naive(headers: readonly string[]): { values: (string | undefined)[]; duplicate: boolean } {
  const pairs = headers
    .flatMap((header) => header.split(";"))
    .map((pair) => {
      const equals = pair.indexOf("=")
      const name = (equals < 0 ? pair : pair.slice(0, equals)).replace(/^[ \t]+|[ \t]+$/g, "")
      return { name, value: equals < 0 ? "" : pair.slice(equals + 1).replace(/^[ \t]+|[ \t]+$/g, "") }
    })
  const found = [access, refresh, device].map((name) => pairs.filter((pair) => pair.name === name))
  const values = found.map((list) => {
    const value = list.length === 1 ? list[0]?.value : undefined
    return value !== undefined && /^[A-Za-z0-9._~-]{1,8192}$/.test(value) ? value : undefined
  })
  return { values, duplicate: found.some((list) => list.length > 1) }
}

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(access, refresh, device) },
  fc.constantFrom(access.toLowerCase(), `${access}_3000`, "__Host-Http-", "__Secure-x", "_", ""),
  fc.string({ maxLength: 6 }),
)
const blank = fc.constantFrom("", "", " ", "\t", "  ", "\u00a0", "\u000b")
const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom("a", "a.b.c", "~", "-_", '"a"', "", "a=b", "a b", access, `${refresh}=x`),
  },
  fc.string({ maxLength: 8 }),
)
const pair = fc
  .tuple(blank, name, blank, fc.constantFrom("=", "=", "=", ""), blank, value, blank)
  .map((parts) => parts.join(""))
const header = fc
  .array(pair, { maxLength: 6 })
  .chain((pairs) => fc.constantFrom("; ", ";", ";;", " ; ").map((glue) => pairs.join(glue)))
const headers = fc.array(fc.oneof({ weight: 5, arbitrary: header }, fc.string({ unit: "binary" })), {
  maxLength: 3,
})

test("law: reading is the obvious reading", () => {
  let withValue = 0
  let withDuplicate = 0
  fc.assert(
    fc.property(headers, (lines) => {
      const read = policy.read(lines, [])
      const reference = naive(lines)
      assert.deepEqual([read.access, read.refresh, read.device], reference.values)
      assert.equal(read.duplicate !== undefined, reference.duplicate)
      if (reference.duplicate) withDuplicate++
      if (reference.values.some((found) => found !== undefined)) withValue++
    }),
    { numRuns: RUNS },
  )
  assert.ok(withValue > RUNS / 20 && withDuplicate > RUNS / 20, "the law was hardly tried")
})

test("law: what is stripped has no refresh cookie, and every other pair is as it was", () => {
  fc.assert(
    fc.property(header, (line) => {
      const stripped = policy.stripRefresh(line)
      const read = policy.read([stripped], [])
      assert.equal(read.refresh, undefined)
      assert.notEqual(read.duplicate, refresh)
      const isRefresh = (text: string): boolean =>
        text.split("=")[0]?.replace(/^[ \t]+|[ \t]+$/g, "") === refresh
      const kept = line.split(";").filter((text) => !isRefresh(text))
      if (kept.length === line.split(";").length) assert.equal(stripped, line)
      else assert.equal(stripped, kept.join(";").replace(/^[ \t]+/, ""))
      assert.equal(policy.stripRefresh(stripped), stripped)
    }),
    { numRuns: RUNS },
  )
})

test("law: what was set is what is read", () => {
  const token = fc.stringMatching(/^[A-Za-z0-9._~-]{1,200}$/)
  fc.assert(
    fc.property(token, token, (first, second) => {
      const sent = [policy.setAccess(first, 900), policy.setRefresh(second, undefined)]
      const line = sent.map(([, text]) => text.split(";")[0]).join("; ")
      const read = policy.read([line], [])
      assert.deepEqual([read.access, read.refresh, read.duplicate], [first, second, undefined])
    }),
    { numRuns: 500 },
  )
})

test("law: any authorization header gives a token, the empty text or nothing", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string().map((text) => `Bearer ${text}`),
  )
  fc.assert(
    fc.property(hostile, (line) => {
      const { bearer } = policy.read([], [line])
      assert.ok(bearer === undefined || /^[A-Za-z0-9._~-]*$/.test(bearer))
    }),
    { numRuns: RUNS },
  )
})

test("the time grows with the length and not with its square", () => {
  const shapes = ["_;", "_", ";", " ", "=", `${refresh} `, `${refresh}=;`, "__Host-Http-;", "a=b;"]
  for (const shape of shapes) {
    const line = shape.repeat(Math.floor(32_000 / shape.length))
    const start = performance.now()
    for (let round = 0; round < 20; round++) {
      policy.read([line], [`Bearer a${line}a`])
      policy.stripRefresh(line)
    }
    const each = (performance.now() - start) / 20
    // A square would be 256 million steps, a hundred milliseconds and more.
    assert.ok(each < 40, `${JSON.stringify(shape)}: ${each} ms`)
  }
})
