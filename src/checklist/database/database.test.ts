import assert from "node:assert/strict"
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { prepareFile, state } from "./index.ts"

const root = mkdtempSync(join(tmpdir(), "nightlatch-database-"))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const fresh = (): string => join(root, String(count++))

function codesOf(path: string): readonly string[] {
  const faults = new Faults()
  prepareFile(path, faults)
  return faults.list.map((fault) => fault.code)
}

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o777
}

test("makes a private folder with a private file, whatever the umask", (t) => {
  if (process.platform === "win32") return t.skip("no permission bits on this system")
  const before = process.umask(0)
  try {
    const path = join(fresh(), "deep", "nightlatch.db")
    assert.deepEqual(codesOf(path), [])
    assert.deepEqual(
      [modeOf(path), modeOf(join(path, "..")), modeOf(join(path, "..", ".."))],
      [0o600, 0o700, 0o700],
    )
    assert.deepEqual(codesOf(path), [], "a second start takes what the first made")
  } finally {
    process.umask(before)
  }
})

test("keeps a folder that it made out of git, and leaves one that was there as it is", () => {
  const made = join(fresh(), "data")
  prepareFile(join(made, "n.db"), new Faults())
  assert.equal(readFileSync(join(made, ".gitignore"), "utf8"), "*\n")
  const old = fresh()
  mkdirSync(old, { mode: 0o700 })
  prepareFile(join(old, "n.db"), new Faults())
  assert.deepEqual(readdirSync(old), ["n.db"])
})

test("refuses a file that is no database before it speaks of modes", () => {
  const folder = fresh()
  mkdirSync(folder, { mode: 0o700 })
  for (const [index, text] of [
    "a host name\n",
    "S",
    "SQLite format 2\0 and more",
    "\0".repeat(100),
  ].entries()) {
    const path = join(folder, String(index))
    writeFileSync(path, text, { mode: 0o644 })
    assert.deepEqual(codesOf(path), ["database.not_sqlite"], text)
    assert.equal(readFileSync(path, "utf8"), text)
  }
})

test("refuses a database or a file beside it that others may open", (t) => {
  if (process.platform === "win32") return t.skip("no permission bits on this system")
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    for (const mode of [0o644, 0o640, 0o660, 0o602, 0o666]) {
      const folder = fresh()
      const path = join(folder, "nightlatch.db")
      assert.deepEqual(codesOf(path), [])
      writeFileSync(path + suffix, "")
      chmodSync(path + suffix, mode)
      const faults = new Faults()
      prepareFile(path, faults)
      assert.deepEqual(
        faults.list.map((fault) => fault.code),
        ["database.readable"],
        suffix + mode.toString(8),
      )
      assert.ok(faults.list[0]?.fix.includes(`chmod 600 ${path}${suffix}`))
    }
  }
})

test("refuses a folder in which others can replace the file, but not a sticky one", (t) => {
  if (process.platform === "win32") return t.skip("no permission bits on this system")
  for (const [mode, code] of [
    [0o777, "database.folder_writable"],
    [0o770, "database.folder_writable"],
    [0o722, "database.folder_writable"],
    [0o1777, undefined],
    [0o755, undefined],
    [0o700, undefined],
  ] as const) {
    const folder = fresh()
    mkdirSync(folder)
    chmodSync(folder, mode)
    assert.deepEqual(codesOf(join(folder, "n.db")), code === undefined ? [] : [code], mode.toString(8))
  }
})

test("refuses what is no file, and follows no link to nowhere", () => {
  const folder = fresh()
  mkdirSync(join(folder, "n.db"), { recursive: true })
  assert.deepEqual(codesOf(join(folder, "n.db")), ["database.not_a_file"])
  symlinkSync(join(folder, "nowhere"), join(folder, "link.db"))
  assert.deepEqual(codesOf(join(folder, "link.db")), ["database.unusable"])
  writeFileSync(join(folder, "plain"), "")
  assert.deepEqual(codesOf(join(folder, "plain", "n.db")), ["database.unusable"])
})

test("a database in memory has no file", () => {
  assert.deepEqual(codesOf(":memory:"), [])
})

test("the line tells what the files are", () => {
  const base = { engine: "sqlite", location: "file", fileMode: 0o600, folderMode: 0o700, durable: true }
  const judged = (change: object): string =>
    state({ database: { ...base, ...change } } as unknown as Facts).state
  assert.equal(judged({}), "holds")
  assert.equal(judged({ fileMode: 0o644 }), "fails")
  assert.equal(judged({ folderMode: 0o755 }), "weakened")
  assert.equal(judged({ durable: false }), "weakened")
  assert.equal(judged({ location: "memory", fileMode: undefined, folderMode: undefined }), "weakened")
  assert.equal(judged({ fileMode: undefined, folderMode: undefined }), "weakened")
})

test("the line tells who may do what on a server, and whether it was verified", () => {
  const base = {
    engine: "postgres",
    version: "15.4",
    reach: "network",
    verified: true,
    publicAddress: false,
    trusting: false,
    defaultPassword: false,
    superuser: false,
    owner: false,
    durable: true,
  }
  const judged = (change: object) => state({ database: { ...base, ...change } } as unknown as Facts)
  assert.equal(judged({}).state, "holds")
  assert.equal(judged({ reach: "socket", verified: false }).state, "holds")
  assert.equal(judged({ verified: false }).state, "fails")
  assert.equal(judged({ superuser: true, owner: true }).state, "fails")
  assert.match(judged({ publicAddress: true }).why, /address of the internet/)
  assert.equal(judged({ publicAddress: true }).state, "fails")
  assert.equal(judged({ reach: "loopback", defaultPassword: true }).state, "fails")
  assert.equal(judged({ trusting: true }).state, "fails")
  assert.equal(judged({ reach: "loopback", verified: false, trusting: true }).state, "weakened")
  assert.equal(judged({ owner: true }).state, "weakened")
  assert.equal(judged({ durable: false }).state, "weakened")
  assert.match(judged({ owner: true }).fix ?? "", /migrate --roles/)
})
