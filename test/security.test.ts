/** SECURITY.md promises; here each promise leads to a test that exists. */
import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { describe, it } from "node:test"

const ROWS = readFileSync("SECURITY.md", "utf8")
  .split("\n")
  .map((line) => /^\| ([TSCPH]\d+) \| (.+) \| (.+) \| `(.+)`: (.+) \|$/.exec(line))
  .filter((row) => row !== null)

describe("SECURITY.md", () => {
  it("has every requirement once, each with a test that is there", (t) => {
    assert.ok(ROWS.length >= 50, `${ROWS.length}`)
    const ids = ROWS.map(([, id]) => id)
    assert.equal(new Set(ids).size, ids.length)
    for (const [, id, , , path = "", title = ""] of ROWS) {
      assert.ok(existsSync(path), `${id}: ${path}`)
      assert.ok(readFileSync(path, "utf8").includes(title), `${id}: no "${title}" in ${path}`)
    }
    t.diagnostic(`${ROWS.length} requirements`)
  })
})
