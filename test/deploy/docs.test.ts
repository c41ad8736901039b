/** The pages of the deploy bundle: what they link to and name is there, and what they say to do first does what they say. */
import assert from "node:assert/strict"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { after, describe, it } from "node:test"
import { parse } from "yaml"
import { openScratch, ROOT, run } from "./programs.ts"

const PAGES = ["deploy/README.md", ...globSync("docs/deploy/*.md", { cwd: ROOT }).sort()]
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8")
const start = read("deploy/README.md")

describe("the pages of the deploy bundle", () => {
  const scratch = openScratch()
  after(() => scratch.remove())

  it("link to what is there", (t) => {
    let links = 0
    for (const path of PAGES)
      for (const [, target = ""] of read(path).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        links++
        assert.ok(existsSync(resolve(ROOT, dirname(path), target)), `${path}: ${target}`)
      }
    t.diagnostic(`${PAGES.length} pages, ${links} links`)
    assert.ok(PAGES.length >= 5 && links > 10)
  })

  it("name containers, programs and volumes that there are", () => {
    const { services, volumes } = parse(read("deploy/compose.yaml"), { merge: true }) as Record<
      string,
      object
    >
    const commands = start.matchAll(/docker compose (?:exec|run --rm|stop|cp|logs -f) ([a-z]+)/g)
    const names = [...commands].map(([, name = ""]) => name)
    assert.ok(names.length > 5)
    for (const name of names) assert.ok(name in (services ?? {}), name)
    for (const row of start.matchAll(/^\| (`[a-z`, ]+`) \|/gm))
      for (const name of (row[1] ?? "").match(/[a-z]+/g) ?? []) assert.ok(name in (services ?? {}), name)
    assert.ok("backups" in (volumes ?? {}))
    assert.match(read("deploy/Dockerfile"), /COPY deploy\/backup\/backup \/app\/deploy\/backup\/backup/)
  })

  it("begin with what works", async () => {
    const [first = "", second = ""] = [...start.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
      ([, block]) => block,
    )
    assert.equal(first, "cd deploy\n./setup\n")
    assert.equal(second, "./setup --smtp\ndocker compose up -d --build\n")
    const shown = /`(smtps:\/\/\S+)`/.exec(start)?.[1]
    const made = await run(["sh", "-c", first], {}, scratch.path)
    assert.match(made.output, /left {4}DOMAIN/)
    const fill =
      "sed -i 's/^DOMAIN=$/DOMAIN=auth.example.com/; s/^EMAIL=$/EMAIL=a@example.com/' .env && ./setup --smtp"
    const ready = await run(["sh", "-c", fill], {}, scratch.at("deploy"), { input: `${shown}\n` })
    assert.equal(ready.code, 0, ready.output)
    assert.match(ready.output, /^Ready: docker compose up -d --build$/m)
  })
})
