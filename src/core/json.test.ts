import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { parseStrictJson, parseStrictJsonBytes } from "./json.ts"

const REFUSED: readonly string[] = [
  "",
  " ",
  "null",
  "true",
  "1",
  '"text"',
  "{",
  "}",
  "{}{}",
  "[1,]",
  '{"a":1,}',
  "{a:1}",
  "{'a':1}",
  '{"a":01}',
  '{"a":NaN}',
  '{"a":1}//x',
  "\ufeff{}",
  '{"a":1,"a":2}',
  '{"a":1,"\\u0061":2}',
  '{"a":{"b":1,"b":1}}',
  '[{"a":1,"a":1}]',
  '{"__proto__":{}}',
  '{"a":{"__proto__":1}}',
  '{"\\u005f_proto__":1}',
  `${"[".repeat(33)}${"]".repeat(33)}`,
  `${'{"a":'.repeat(33)}1${"}".repeat(33)}`,
  '{"a":"\n"}',
]

describe("strict JSON", () => {
  for (const text of REFUSED) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => assert.equal(parseStrictJson(text), undefined))
  }

  it("takes objects and lists, also with names that look dangerous as values", () => {
    assert.deepEqual(parseStrictJson(' {"a":["a","a",{"a":"a"}],"b":"__proto__:"} '), {
      a: ["a", "a", { a: "a" }],
      b: "__proto__:",
    })
    assert.deepEqual(parseStrictJson('[{"a":1},{"a":1}]'), [{ a: 1 }, { a: 1 }])
    assert.ok(Array.isArray(parseStrictJson(`${"[".repeat(32)}${"]".repeat(32)}`)))
  })

  it("refuses bytes that are not UTF-8, and a byte order mark, instead of mending them", () => {
    for (const bytes of [
      [0x7b, 0xff, 0x7d],
      [0xef, 0xbb, 0xbf, 0x7b, 0x7d],
      [0x22, 0xc3, 0x22],
      [0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d],
    ]) {
      assert.equal(parseStrictJsonBytes(Uint8Array.from(bytes)), undefined)
    }
    assert.deepEqual(parseStrictJsonBytes(Buffer.from('{"é":"𝄞"}')), { é: "𝄞" })
  })

  it("law: what it takes JSON.parse takes with the same value, and what it makes itself it takes", () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 5 })
    fc.assert(
      fc.property(value, (given) => {
        const text = JSON.stringify(given)
        const read = parseStrictJson(text)
        if (read === undefined) assert.match(text, /__proto__|\[{8}|[{[]/)
        else assert.deepEqual(read, JSON.parse(text))
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]":,\\ea1 ') }), (text) => {
        const read = parseStrictJson(text)
        if (read !== undefined) assert.deepEqual(read, JSON.parse(text))
      }),
      { numRuns: 2_000 },
    )
  })
})
