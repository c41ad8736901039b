/** The client of a secret manager, as a program of its own that does what it likes. */
import assert from "node:assert/strict"
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, test } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { MisuseError } from "../../src/core/misuse.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { runCommand } from "../../src/service/secrets/command.ts"
import { openFolder } from "./process.ts"

const folder = openFolder()
after(() => folder.remove())

const SECRET = "nl_secret_Vq3xT0mJ8sYc4bWzR7uKpE1aHnGdL5iO9fXtZ2vQkBw"
const never = () => new AbortController().signal
const skip = process.platform === "win32"

function run(
  script: string,
  more: { words?: readonly string[]; signal?: AbortSignal } = {},
): Promise<string> {
  const path = join(folder.path, "client")
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o700)
  const environment = {
    ...process.env,
    NIGHTLATCH_OPERATOR_TOKEN: "canary-operator",
    MANAGER_TOKEN: "theirs",
  }
  const command = { words: ["./client", ...(more.words ?? [])], folder: folder.path, environment }
  return runCommand(command, more.signal ?? never())
}

const failure = async (running: Promise<unknown>): Promise<Error> => {
  const error = await running.then(
    () => assert.fail("it did not fail"),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof Error)
  return error
}

test("gives what it writes", { skip }, async () => {
  assert.equal(await run(`echo ${SECRET}`), `${SECRET}\n`)
})

test("gets its words as they are, its own variables and none of ours", { skip }, async () => {
  const out = await run(`printf '%s|' "$@"; env`, { words: ["a b", "$HOME", "; rm -rf x", "*"] })
  assert.match(out, /^a b\|\$HOME\|; rm -rf x\|\*\|/)
  assert.match(out, /^MANAGER_TOKEN=theirs$/m)
  assert.doesNotMatch(out, /NIGHTLATCH_|canary/)
  assert.match(out, /^PATH=/m)
})

test("that fails is told by its exit code and nothing else", { skip }, async () => {
  const error = await failure(run(`echo ${SECRET}; echo "denied: ${SECRET}" >&2; exit 3`))
  assert.ok(error instanceof UnavailableError)
  assert.equal(error.message, "the command ended with exit code 3")
  assert.equal(error.cause, undefined)
  assert.match((await failure(run("kill -TERM $$"))).message, /ended by SIGTERM/)
})

test("that is not there, or no program, is a fault of the configuration", { skip }, async () => {
  for (const program of ["no-such-program-of-ours", "/", "./"]) {
    const running = runCommand({ words: [program], folder: folder.path, environment: process.env }, never())
    assert.ok((await failure(running)) instanceof MisuseError, program)
  }
})

test("that writes no end is stopped at 64 KiB", { skip }, async () => {
  const error = await failure(run("echo $$ > pid; while :; do echo canarycanarycanarycanary; done"))
  assert.equal(error.message, "the command wrote more than 64 KiB")
  await gone("pid")
  assert.equal((await run(`head -c 65536 /dev/zero | tr '\\0' a`)).length, 65_536)
})

test("that writes something else than text is refused", { skip }, async () => {
  const error = await failure(run(`printf '\\377\\376'`))
  assert.ok(error instanceof MisuseError)
  assert.equal(error.faults[0]?.code, "secret.encoding")
})

test("that hangs is killed with its children", { skip }, async () => {
  const over = new AbortController()
  const running = run(`sleep 600 & echo $! > child; echo $$ > pid; wait`, { signal: over.signal })
  while (!existsSync(join(folder.path, "child"))) await delay(10)
  await delay(50)
  over.abort()
  assert.ok((await failure(running)) instanceof UnavailableError)
  await gone("pid")
  await gone("child")
  const before = new AbortController()
  before.abort()
  assert.ok((await failure(run("sleep 600", { signal: before.signal }))) instanceof UnavailableError)
})

test("is not waited for once it has ended, though something it started still holds its output", {
  skip,
}, async () => {
  const since = performance.now()
  assert.equal(await run(`sleep 3 & echo ${SECRET}`), `${SECRET}\n`)
  assert.ok(performance.now() - since < 2_500)
})

/** Whether the process whose number a script left in a file has ended. */
async function gone(name: string): Promise<void> {
  const pid = Number(readFileSync(join(folder.path, name), "utf8"))
  const patience = performance.now() + 5_000
  for (;;) {
    try {
      // One that nobody has fetched yet is still listed.
      if (readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] === "Z") return
      process.kill(pid, 0)
    } catch {
      return
    }
    assert.ok(performance.now() < patience, `${name} is still there`)
    await delay(20)
  }
}
