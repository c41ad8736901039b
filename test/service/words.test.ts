import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { test } from "node:test"
import fc from "fast-check"
import { readWords } from "../../src/service/secrets/words.ts"

const wordsOf = (line: string) => {
  const read = readWords(line)
  return read.kind === "words" ? read.words : read.why
}

test("a command line is words, and quotes keep what is in them", () => {
  assert.deepEqual(wordsOf("op read op://Production/nightlatch/secret"), [
    "op",
    "read",
    "op://Production/nightlatch/secret",
  ])
  assert.deepEqual(wordsOf(`  a  'b c'\t"d \\" e" f\\ g h'i'"j" ''`), ["a", "b c", 'd " e', "f g", "hij", ""])
  assert.deepEqual(wordsOf(`sops --extract '["a"]["b"]'`), ["sops", "--extract", '["a"]["b"]'])
  assert.deepEqual(wordsOf(`sh -c 'pass show x | head -n 1'`), ["sh", "-c", "pass show x | head -n 1"])
  assert.deepEqual(wordsOf(`"\\n" '\\'`), ["\\n", "\\"])
})

test("what is meant for a shell is refused instead of handed over", () => {
  for (const line of [
    "pass show x | head",
    "a; b",
    "a && b",
    "a > b",
    "a $HOME",
    "a `b`",
    "a *",
    "a ~/b",
    "a $(b)",
  ])
    assert.match(String(wordsOf(line)), /and no shell reads it$/, line)
  assert.match(String(wordsOf("a 'b")), /not closed/)
  assert.match(String(wordsOf('a "b\\"')), /not closed/)
  assert.match(String(wordsOf("a \\")), /backslash/)
  for (const nothing of ["", "  ", "''", "'' a"]) assert.match(String(wordsOf(nothing)), /no program/)
})

test("law: what is taken, a shell would take as the same words", {
  skip: process.platform === "win32",
}, () => {
  const part = fc.constantFrom(
    "a",
    "bc",
    " ",
    "'",
    '"',
    "\\",
    "/",
    "-x",
    "=",
    ":",
    ".",
    "'d e'",
    '"f g"',
    "\\ ",
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 12 }), (parts) => {
      const line = parts.join("")
      const read = readWords(line)
      if (read.kind === "wrong") return
      const out = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" })
      assert.deepEqual(out.split("\0").slice(0, -1), read.words, line)
    }),
    { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 2_000 : 150 },
  )
})
