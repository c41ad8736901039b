/** A database that went back in time is noticed from outside, at the start and while the service runs. */
import assert from "node:assert/strict"
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { withoutLongSegments } from "../core/logger.ts"
import type { MisuseError } from "../core/misuse.ts"
import { openSqlite } from "../store/sqlite/index.ts"
import { readWitness, startWitness, witnessPath } from "./witness.ts"

const root = mkdtempSync(join(tmpdir(), "nightlatch-witness-"))
after(() => rmSync(root, { recursive: true, force: true }))
let count = 0
const newFolder = (): string => mkdtempSync(join(root, `${count++}-`))

function recorder() {
  const lines: string[] = []
  const log = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  return { lines, logger: { info: log, warn: log, error: log } }
}

const isFault = (code: string) => (error: unknown) => (error as MisuseError).faults?.[0]?.code === code

test("stands beside a file, in the state folder for a server, and nowhere for memory", () => {
  assert.equal(witnessPath({ kind: "sqlite", path: "/a/n.db" }, undefined), "/a/n.db.witness")
  assert.equal(witnessPath({ kind: "sqlite", path: ":memory:" }, "/s"), undefined)
  const place = { kind: "postgres", url: "postgres://a@b/c" } as const
  assert.equal(witnessPath(place, "/s"), "/s/nightlatch.witness")
  assert.equal(witnessPath(place, undefined), join(process.cwd(), "data/nightlatch.witness"))
})

test("is made at the first start, said in the log, private, and rises with each start and each stop", async () => {
  const folder = newFolder()
  const path = join(folder, "nightlatch.db.witness")
  const store = await openSqlite({ path: join(folder, "nightlatch.db") })
  const { lines, ...recording } = recorder()
  const logger = withoutLongSegments(recording.logger)
  for (let start = 1; start <= 3; start++) {
    const witness = await startWitness({ store, path, logger })
    assert.deepEqual(readWitness(path), await store.readMark())
    await witness.stop()
    assert.equal(readWitness(path)?.counter, 2 * start)
  }
  assert.deepEqual(
    lines.map((line) => line.split("{")[0]),
    ["store: no witness of the database yet, one is made "],
  )
  assert.ok(lines[0]?.includes("/nightlatch.db.witness"), "the whole name, which is no token")
  if (process.platform !== "win32") assert.equal(statSync(path).mode & 0o777, 0o600)
  await store.close()
})

test("an older copy in its place does not start, however often it is tried", async () => {
  const folder = newFolder()
  const [path, copy] = [join(folder, "n.db.witness"), join(folder, "copy.db")]
  const { logger } = recorder()
  const store = await openSqlite({ path: join(folder, "n.db") })
  const first = await startWitness({ store, path, logger })
  await store.close()
  copyFileSync(join(folder, "n.db"), copy)
  const newer = await openSqlite({ path: join(folder, "n.db") })
  await (await startWitness({ store: newer, path, logger })).stop()
  await newer.close()
  await first.stop()

  const old = await openSqlite({ path: copy })
  const before = await old.readMark()
  for (let attempt = 0; attempt < 5; attempt++)
    await assert.rejects(startWitness({ store: old, path, logger }), isFault("store.went_back"))
  assert.deepEqual(await old.readMark(), before)
  await old.startAnew({ above: readWitness(path)?.counter ?? 0, events: [] })
  await (await startWitness({ store: old, path, logger })).stop()
  await old.close()
})

test("another database is taken, and said", async () => {
  const folder = newFolder()
  const path = join(folder, "n.db.witness")
  const [one, other] = [await openSqlite({ path: ":memory:" }), await openSqlite({ path: ":memory:" })]
  const { lines, logger } = recorder()
  for (let start = 0; start < 3; start++) await (await startWitness({ store: one, path, logger })).stop()
  await (await startWitness({ store: other, path, logger })).stop()
  assert.match(lines.at(-1) ?? "", /another database than before/)
  assert.equal(readWitness(path)?.lineage, (await other.readMark()).lineage)
  await one.close()
  await other.close()
})

test("one that was tampered with stops the start and is left as it is", async () => {
  const folder = newFolder()
  const path = join(folder, "n.db.witness")
  const store = await openSqlite({ path: ":memory:" })
  const { logger } = recorder()
  for (const text of [
    "",
    "nonsense",
    "{}",
    '{"lineage":1,"counter":-1}',
    '{"lineage":1,"counter":1,"more":1}',
    "7",
  ]) {
    writeFileSync(path, text)
    await assert.rejects(startWitness({ store, path, logger }), isFault("store.witness_unreadable"), text)
    assert.equal(readFileSync(path, "utf8"), text)
  }
  await store.close()
})

test("a fail-over that loses commits is an alarm while the service runs, and stops the next start", async () => {
  const folder = newFolder()
  const path = join(folder, "n.db.witness")
  const store = await openSqlite({ path: ":memory:" })
  const { lines, logger } = recorder()
  let lost = 0
  const failing: Parameters<typeof startWitness>[0]["store"] = {
    readMark: () => store.readMark(),
    recordEvents: (events) => store.recordEvents(events),
    async raiseMark() {
      const mark = await store.raiseMark()
      return { ...mark, counter: mark.counter - lost }
    },
  }
  const witness = await startWitness({ store: failing, path, logger, everyMs: 10 })
  const patience = performance.now() + 10_000
  while ((readWitness(path)?.counter ?? 0) < 5 && performance.now() < patience)
    await new Promise((later) => setTimeout(later, 5))
  lost = 1_000_000
  while (!lines.some((line) => line.includes("store.went_back")) && performance.now() < patience)
    await new Promise((later) => setTimeout(later, 5))
  assert.ok((readWitness(path)?.counter ?? 0) >= 5, "the witness fell with the database")
  await witness.stop()
  assert.equal((await store.listEvents({ limit: 1 }))[0]?.type, "store.went_back")
  await store.close()
})

test("rises soon after a revocation, once for many", async () => {
  const folder = newFolder()
  const path = join(folder, "n.db.witness")
  const store = await openSqlite({ path: ":memory:" })
  const { logger } = recorder()
  const witness = await startWitness({ store, path, logger })
  for (let revocation = 0; revocation < 50; revocation++) witness.note()
  const patience = performance.now() + 10_000
  while (readWitness(path)?.counter === 1 && performance.now() < patience)
    await new Promise((later) => setTimeout(later, 20))
  assert.equal(readWitness(path)?.counter, 2)
  await witness.stop()
  await store.close()
})

test("a folder that cannot be written stops nothing, and is said once", async () => {
  const folder = newFolder()
  writeFileSync(join(folder, "file"), "")
  const store = await openSqlite({ path: ":memory:" })
  const { lines, logger } = recorder()
  const witness = await startWitness({ store, path: join(folder, "file.d"), logger })
  rmSync(folder, { recursive: true })
  writeFileSync(folder, "a file where the folder was")
  await witness.stop()
  await witness.stop()
  assert.equal(lines.filter((line) => line.includes("could not be written")).length, 1)
  await store.close()
})
