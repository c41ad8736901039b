import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { parseEnv } from "node:util"
import { Faults } from "../../core/misuse.ts"
import { isIgnored } from "./git-ignore.ts"
import { readSecrets, writeFirstSecret } from "./index.ts"

const root = mkdtempSync(join(tmpdir(), "nightlatch-env-"))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(count++))
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function git(folder: string, ...args: string[]): void {
  execFileSync("git", args, { cwd: folder, stdio: "ignore" })
}

function hasGit(): boolean {
  try {
    execFileSync("git", ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** Runs without any program on the path, so that no git answers. */
function withoutPath<T>(run: () => T): T {
  const path = process.env.PATH
  process.env.PATH = join(root, "empty")
  try {
    return run()
  } finally {
    process.env.PATH = path
  }
}

test("writes a strong secret, for the owner alone, where the rule is there", () => {
  const folder = folderWith({ ".gitignore": "node_modules/\n.env\n" })
  const result = writeFirstSecret(folder)
  assert.deepEqual(result, { kind: "written", path: join(folder, ".env"), ignored: "already" })
  const secret = parseEnv(readFileSync(join(folder, ".env"), "utf8")).NIGHTLATCH_SECRET
  const faults = new Faults()
  readSecrets(secret, new URL("http://localhost:3000"), faults)
  assert.deepEqual(faults.list, [])
  if (process.platform !== "win32") assert.equal(lstatSync(join(folder, ".env")).mode & 0o777, 0o600)
})

test("adds the rule first where there is none, and says so", () => {
  for (const [before, then] of [
    ["dist", "dist\n.env\n"],
    ["dist\n", "dist\n.env\n"],
    ["", ".env\n"],
    [".env\n!.env\n", ".env\n!.env\n.env\n"],
  ] as const) {
    const folder = folderWith({ ".gitignore": before })
    const result = writeFirstSecret(folder)
    assert.equal(result.kind === "written" && result.ignored, "added")
    assert.equal(readFileSync(join(folder, ".gitignore"), "utf8"), then)
  }
  const folder = folderWith({})
  assert.equal(writeFirstSecret(folder).kind, "written")
  assert.equal(readFileSync(join(folder, ".gitignore"), "utf8"), ".env\n")
})

test("leaves an existing .env alone, also a link that leads nowhere", () => {
  const folder = folderWith({ ".env": "PORT=3000\n" })
  assert.equal(writeFirstSecret(folder).kind, "refused")
  assert.equal(readFileSync(join(folder, ".env"), "utf8"), "PORT=3000\n")
  const linked = folderWith({})
  symlinkSync(join(root, "elsewhere"), join(linked, ".env"))
  assert.equal(writeFirstSecret(linked).kind, "refused")
  assert.ok(!existsSync(join(root, "elsewhere")))
})

test("writes no secret when the rule cannot be written", () => {
  const linked = folderWith({})
  symlinkSync(join(root, "foreign-rules"), join(linked, ".gitignore"))
  assert.equal(writeFirstSecret(linked).kind, "refused")
  assert.ok(!existsSync(join(linked, ".env")) && !existsSync(join(root, "foreign-rules")))
  assert.equal(writeFirstSecret(join(root, "no-such-folder")).kind, "refused")
})

test("works in a repository, with git and without it", (t) => {
  if (!hasGit()) {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "git is required")
    return t.skip("no git on this machine")
  }
  for (const present of [true, false]) {
    const folder = folderWith({ ".gitignore": "dist\n" })
    git(folder, "init", "--quiet")
    const result = present ? writeFirstSecret(folder) : withoutPath(() => writeFirstSecret(folder))
    assert.equal(result.kind === "written" && result.ignored, "added")
    assert.equal(execFileSync("git", ["status", "--porcelain"], { cwd: folder }).includes(".env"), false)
  }
})

test("refuses where git tracks .env although a rule names it", (t) => {
  if (!hasGit()) {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "git is required")
    return t.skip("no git on this machine")
  }
  const folder = folderWith({ ".env": "PORT=3000\n", ".gitignore": ".env\n" })
  git(folder, "init", "--quiet")
  git(folder, "add", "--force", ".env")
  rmSync(join(folder, ".env"))
  assert.equal(writeFirstSecret(folder).kind, "refused")
  assert.ok(!existsSync(join(folder, ".env")))
})

test("reads .gitignore as git does, or more carefully", (t) => {
  if (!hasGit()) {
    assert.notEqual(process.env.REQUIRE_SERVICES, "1", "git is required")
    return t.skip("no git on this machine")
  }
  const clear = [
    ".env",
    "/.env",
    ".env*",
    ".e?v",
    "*",
    "*.env",
    "**/.env",
    "a/.env",
    "/a/b/.env",
    "a/**/.env",
    "a/*",
    ".env.*",
  ]
  const unclear = [
    ".en[v]",
    ".env\\",
    ".env/",
    "#.env",
    "!.env",
    ".env\n!.env",
    "!.env\n.env",
    ".env\n!.en[v]",
    ".ENV",
    " .env",
    ".env  ",
  ]
  const folder = folderWith({})
  git(folder, "init", "--quiet")
  mkdirSync(join(folder, "a", "b"), { recursive: true })
  for (const rules of [...clear, ...unclear]) {
    writeFileSync(join(folder, ".gitignore"), rules)
    for (const at of [folder, join(folder, "a"), join(folder, "a", "b")]) {
      const theirs = isIgnored(at, ".env")
      const ours = withoutPath(() => isIgnored(at, ".env"))
      if (ours) assert.equal(theirs, true, `${JSON.stringify(rules)} in ${at}`)
      // What is inside an ignored folder is ignored as well; only git knows that.
      const below = rules === "*" || rules === "a/*"
      if (clear.includes(rules) && !below) assert.equal(ours, theirs, `${JSON.stringify(rules)} in ${at}`)
    }
  }
})
