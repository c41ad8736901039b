import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { MisuseError } from "../../core/misuse.ts"
import { isStatement, sql } from "./index.ts"
import { inspectSources } from "./rule.ts"

const ROOT = new URL("../../../", import.meta.url)
const untagged = sql as unknown as (strings: unknown, ...values: unknown[]) => unknown

describe("sql: the tag", () => {
  it("makes a statement of a fixed text", () => {
    const statement = sql`SELECT 1`
    assert.equal(statement.text, "SELECT 1")
    assert.ok(isStatement(statement) && Object.isFrozen(statement))
  })
  it("refuses every substitution", () => {
    const input = "1; DROP TABLE account"
    assert.throws(() => (untagged as typeof String.raw)`SELECT ${input}`, MisuseError)
  })
  it("refuses to be called with a text", () => {
    for (const fake of [
      ["SELECT 1"],
      Object.assign(["SELECT 1"], { raw: ["SELECT 1"] }),
      "SELECT 1",
      [],
      [["SELECT 1"]],
    ]) {
      assert.throws(() => untagged(fake), "nothing was refused")
    }
  })
  it("knows its own statements from copies", () => {
    for (const copy of [{ ...sql`SELECT 1` }, { text: "SELECT 1" }, "SELECT 1", null, undefined])
      assert.ok(!isStatement(copy))
  })
})

describe("sql: the rule over our sources", () => {
  const paths = globSync("src/**/*.ts", { cwd: ROOT }).filter(
    (path) => !path.endsWith(".test.ts") && path !== "src/checklist/sql/rule.ts",
  )
  it("finds no text built from input and no call past the executor", (t) => {
    const found = inspectSources(
      paths.map((path) => ({ path, text: readFileSync(new URL(path, ROOT), "utf8") })),
    )
    t.diagnostic(`${found.files} files, ${found.statements} statements`)
    assert.ok(found.files > 100 && found.statements > 50, "the rule read next to nothing")
    assert.deepEqual(found.violations, [])
  })

  const planted = [
    "const q = sql`SELECT * FROM account WHERE email = '$" + "{email}'`",
    "db.prepare(`SELECT 1`)",
    "db.exec(text)",
    'run("DELETE FROM account WHERE id = " + id)',
    "const q = `UPDATE account SET roles = $" + "{roles}`",
    'const q = "SELECT id " + columns + " FROM account"; const r = "SELECT id FROM account"',
    'import { DatabaseSync } from "node:sqlite"',
    "const q = 'PRAGMA user_version = ' + version",
  ]
  for (const text of planted) {
    it(`finds ${text.slice(0, 50)}`, () => {
      assert.ok(inspectSources([{ path: "src/planted.ts", text }]).violations.length > 0)
    })
  }
  it("leaves comments, patterns and words alone", () => {
    const text =
      '// db.prepare("SELECT a FROM b")\nconst m = PATTERN.exec(x); /a/.exec(y)\nconst w = "Select what you want, then press the button"'
    assert.deepEqual(inspectSources([{ path: "src/x.ts", text }]).violations, [])
  })
})
