import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { describe, it } from "node:test"
import { GERMAN } from "./words-de.ts"
import { ENGLISH } from "./words-en.ts"

/** Every text by its path. */
function texts(value: unknown, path = ""): [string, string][] {
  if (typeof value === "string") return [[path, value]]
  return Object.entries(value as object).flatMap(([name, inner]) => texts(inner, `${path}/${name}`))
}

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g))].sort()

/** Codes of the sources that no form and no page can meet, and why. */
const NEVER_MET: Readonly<Record<string, string>> = {
  "bearer.browser": "forms ask for no tokens",
  "bearer.off": "forms ask for no tokens",
  "header.destination": "the skin sends no destination",
  "host.unknown": "judged before the route is known",
  "route.method": "no route, so no page",
  "route.unknown": "no route, so no page",
  "rate-limit.duplicate": "misuse of the program",
  "rate-limit.name": "misuse of the program",
  "inbox.key": "told to the developer at this machine alone",
  "oauth.intent": "misuse of the program",
  "sql.built": "misuse of the program",
}

describe("the words of the pages", () => {
  const english = texts(ENGLISH)
  const german = new Map(texts(GERMAN))

  it("are the same in both languages: every key, every placeholder, and no text left in English", (t) => {
    t.diagnostic(`${english.length} texts`)
    assert.ok(english.length > 250)
    assert.deepEqual([...german.keys()].sort(), english.map(([path]) => path).sort())
    for (const [path, text] of english) {
      const other = german.get(path) ?? ""
      assert.deepEqual(placeholders(other), placeholders(text), path)
      assert.ok(text.trim() !== "" && other.trim() !== "", path)
      assert.ok(text !== other || text.length < 12, `${path}: ${text}`)
    }
  })

  it("has a sentence for every code that a form can meet", (t) => {
    const sources = globSync("src/{core,guard,flows,checklist}/**/*.ts").filter(
      (path) => !path.endsWith(".test.ts"),
    )
    const codes = new Set(
      sources.flatMap((path) =>
        [...readFileSync(path, "utf8").matchAll(/\bcode: "([a-z_-]+\.[a-z_]+)"/g)].map(
          ([, code]) => code ?? "",
        ),
      ),
    )
    for (const code of [
      "body.invalid",
      "password.too_short",
      "password.too_long",
      "password.common",
      "password.malformed",
    ])
      codes.add(code)
    const met = [...codes].filter((code) => !(code in NEVER_MET))
    t.diagnostic(`${met.length} codes`)
    assert.ok(met.length >= 30)
    assert.deepEqual(
      met.filter((code) => ENGLISH.problems[code] === undefined),
      [],
    )
  })
})
