import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { Faults } from "../../core/misuse.ts"
import { readSecretFile } from "./index.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-secret-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, "secret")

function read(
  content: string | Uint8Array,
  mode = 0o600,
): { text: string | undefined; codes: readonly string[] } {
  rmSync(path, { force: true })
  writeFileSync(path, content)
  chmodSync(path, mode)
  const faults = new Faults()
  const text = readSecretFile(path, faults)
  const told = JSON.stringify(faults.list)
  assert.ok(!told.includes("canary"), "a fault repeats the content")
  return { text, codes: faults.list.map((fault) => fault.code) }
}

test("takes one line end away and nothing else", () => {
  assert.deepEqual(read("canary"), { text: "canary", codes: [] })
  assert.deepEqual(read("canary\n"), { text: "canary", codes: [] })
  assert.deepEqual(read("canary\r\n"), { text: "canary", codes: [] })
  assert.deepEqual(read(" canary \n\n"), { text: " canary \n", codes: [] })
})

test("refuses what other users can read or change", (t) => {
  if (process.platform === "win32") return t.skip("no permission bits on this system")
  for (const mode of [0o644, 0o604, 0o606, 0o620, 0o660, 0o601]) {
    assert.deepEqual(read("canary", mode), { text: undefined, codes: ["secret.readable"] }, mode.toString(8))
  }
  for (const mode of [0o400, 0o600, 0o440, 0o640, 0o700]) assert.equal(read("canary", mode).text, "canary")
})

test("refuses what is no line of text", () => {
  assert.deepEqual(read(""), { text: undefined, codes: ["secret.missing"] })
  assert.deepEqual(read(" \n"), { text: undefined, codes: ["secret.missing"] })
  assert.deepEqual(read(Uint8Array.of(0xff, 0xfe, 0x80)), { text: undefined, codes: ["secret.encoding"] })
  assert.deepEqual(read("canary".repeat(20_000)), { text: undefined, codes: ["secret.unreadable"] })
})

test("refuses a missing file, a folder and a named pipe without waiting", (t) => {
  const codes = (name: string): readonly string[] => {
    const faults = new Faults()
    assert.equal(readSecretFile(name, faults), undefined)
    return faults.list.map((fault) => fault.code)
  }
  assert.deepEqual(codes(join(folder, "none")), ["secret.unreadable"])
  assert.deepEqual(codes(folder), ["secret.unreadable"])
  try {
    execFileSync("mkfifo", [join(folder, "pipe")], { stdio: "ignore" })
  } catch {
    return t.skip("no mkfifo on this machine")
  }
  assert.deepEqual(codes(join(folder, "pipe")), ["secret.unreadable"])
})
