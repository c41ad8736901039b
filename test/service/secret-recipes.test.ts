/** The recipes of docs/secrets.md, each with a program in PATH that takes exactly these arguments and writes as the client does. */
import assert from "node:assert/strict"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, describe, it } from "node:test"
import { parseEnv } from "node:util"
import { askSource, generateSecret } from "../../src/checklist/secret/index.ts"
import { readConfiguration } from "../../src/service/configuration.ts"
import { openFolder } from "./process.ts"

const [SECRET, OTHER] = [generateSecret(), generateSecret()]

/** What each client is asked, and what it writes for a value of two lines. */
const CLIENTS: Readonly<Record<string, { readonly words: readonly string[]; readonly writes: string }>> = {
  aws: {
    words: [
      "secretsmanager",
      "get-secret-value",
      "--secret-id",
      "nightlatch",
      "--query",
      "SecretString",
      "--output",
      "text",
    ],
    writes: `${SECRET}\n${OTHER}\n`,
  },
  // The value as it was stored, without a line end of its own.
  gcloud: {
    words: ["secrets", "versions", "access", "latest", "--secret=nightlatch"],
    writes: `${SECRET}\n${OTHER}`,
  },
  az: {
    words: [
      "keyvault",
      "secret",
      "show",
      "--vault-name",
      "example",
      "--name",
      "nightlatch",
      "--query",
      "value",
      "--output",
      "tsv",
    ],
    writes: `${SECRET}\n${OTHER}\n`,
  },
  op: { words: ["read", "op://Production/nightlatch/secret"], writes: `${SECRET}\n${OTHER}\n` },
  sops: { words: ["--decrypt", "--extract", '["secret"]', "secrets.yaml"], writes: `${SECRET}\n${OTHER}` },
  pass: { words: ["show", "nightlatch"], writes: `${SECRET}\n${OTHER}\n` },
}

const page = readFileSync("docs/secrets.md", "utf8")
const lines = page.split("\n").filter((line) => line.startsWith("NIGHTLATCH_SECRET_COMMAND="))

describe("docs/secrets.md", { skip: process.platform === "win32" }, () => {
  const folder = openFolder()
  after(() => folder.remove())

  it("has a recipe for each client and no other", () => {
    const programs = lines.map((line) => /^\w+=(\w+) /.exec(line)?.[1])
    assert.deepEqual(programs.sort(), Object.keys(CLIENTS).sort())
  })

  for (const line of lines) {
    const name = /^\w+=(\w+) /.exec(line)?.[1] ?? ""
    it(`asks ${name}`, async () => {
      const { words = [], writes = "" } = CLIENTS[name] ?? {}
      const home = join(folder.path, name)
      mkdirSync(join(home, "bin"), { recursive: true })
      writeFileSync(join(home, "answer"), writes)
      const checks = words.map((word) => `[ "$1" = '${word}' ] || exit 9\nshift`)
      const client = ["#!/bin/sh", ...checks, "[ $# -eq 0 ] || exit 9", `cat '${home}/answer'`, ""].join("\n")
      writeFileSync(join(home, "bin", name), client)
      chmodSync(join(home, "bin", name), 0o700)
      // As it stands in an environment file.
      writeFileSync(join(home, ".env"), `${line}\n`)
      const environment = { PATH: `${join(home, "bin")}:${process.env.PATH}` }
      const { secret } = await readConfiguration({ folder: home, environment, starts: true })
      assert.equal(secret.source, "NIGHTLATCH_SECRET_COMMAND in .env")
      assert.ok(secret.ask !== undefined)
      assert.deepEqual(await askSource(secret.ask), [SECRET, OTHER])
    })
  }

  it("names settings that there are", () => {
    const blocks = [...page.matchAll(/^```ini\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "")
    const names = blocks.flatMap((block) =>
      Object.keys(parseEnv(block)).filter((name) => name.startsWith("NIGHTLATCH_")),
    )
    assert.ok(names.length >= 5)
    const table = readFileSync("README.md", "utf8")
    for (const name of names) assert.ok(table.includes(`\`${name}\``), name)
  })
})
