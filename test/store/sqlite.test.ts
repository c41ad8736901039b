import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, describe, it } from "node:test"
import { toBase64url } from "../../src/core/bytes.ts"
import { isStatement, sql } from "../../src/core/statement.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { Executor } from "../../src/store/sqlite/executor.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"
import { Writer } from "../../src/store/sqlite/writer.ts"
import { storeContract } from "../../src/testing/store-contract.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-store-"))
after(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const newPath = () => join(folder, `${files++}`, "nightlatch.db")
const CHILD = new URL("./child.ts", import.meta.url).pathname
const node = process.execPath

storeContract("SQLite in memory", (clock) => openSqlite({ path: ":memory:", clock }))
storeContract("SQLite in a file", (clock) => openSqlite({ path: newPath(), clock }))

const account = (index: number) => ({
  id: toBase64url(Buffer.alloc(16, index % 256).fill(index >> 8, 0, 8)),
  email: `${index}@example.com`,
  passwordHash: "hash",
  roles: [],
  verified: true,
  events: [],
})

describe("sqlite: the file", () => {
  it("is private from its first byte, whatever the umask", async () => {
    const before = process.umask(0)
    try {
      const path = newPath()
      const store = await openSqlite({ path, exclusive: true })
      await store.createAccount(account(1))
      assert.equal(statSync(join(path, "..")).mode & 0o777, 0o700)
      for (const end of ["", "-wal", "-shm", ".lock"]) assert.equal(statSync(path + end).mode & 0o077, 0, end)
      assert.deepEqual(store.describe().database, {
        engine: "sqlite",
        location: "file",
        fileMode: 0o600,
        folderMode: 0o700,
        durable: true,
      })
      await store.close()
    } finally {
      process.umask(before)
    }
  })

  it("belongs to one service; commands write beside it", async () => {
    const path = newPath()
    const service = await openSqlite({ path, exclusive: true })
    await assert.rejects(
      openSqlite({ path, exclusive: true }),
      (error: { faults?: { code: string }[] }) => error.faults?.[0]?.code === "store.in_use",
    )
    const command = await openSqlite({ path })
    await command.createAccount(account(2))
    assert.ok(await service.findAccountByEmail("2@example.com"))
    await Promise.all([command.close(), service.close()])
    await (await openSqlite({ path, exclusive: true })).close()
  })

  it("is migrated once, by however many start together", async () => {
    const path = newPath()
    const stores = await Promise.all(Array.from({ length: 6 }, () => openSqlite({ path })))
    await stores[0]?.createAccount(account(3))
    for (const store of stores) assert.ok(await store.findAccountByEmail("3@example.com"))
    await Promise.all(stores.map((store) => store.close()))
    const children = await Promise.all(
      Array.from({ length: 3 }, () => exit(spawn(node, [CHILD, "open", newPathOnce]))),
    )
    assert.deepEqual(children, [0, 0, 0])
  })
  const newPathOnce = newPath()

  it("refuses one that a newer version has written", async () => {
    const path = newPath()
    await (await openSqlite({ path })).close()
    const raw = new DatabaseSync(path)
    raw.exec("PRAGMA user_version = 99")
    raw.close()
    await assert.rejects(
      openSqlite({ path }),
      (error: { faults?: { code: string }[] }) => error.faults?.[0]?.code === "store.newer_schema",
    )
  })

  it("is unavailable, and no fault of the program, when it is no database or cannot be opened", async () => {
    const path = newPath()
    mkdirSync(path, { recursive: true })
    await assert.rejects(openSqlite({ path }), UnavailableError)
  })

  it("is unavailable, and not in use, when its lock file cannot be locked", async () => {
    const breakages: readonly ((lock: string) => void)[] = [
      (lock) =>
        writeFileSync(lock, "no database, but long enough to be looked at as if it were one".repeat(20)),
      (lock) => mkdirSync(lock),
    ]
    for (const breakLock of breakages) {
      const path = newPath()
      await (await openSqlite({ path })).close()
      breakLock(`${path}.lock`)
      await assert.rejects(
        openSqlite({ path, exclusive: true }),
        (error) => error instanceof UnavailableError && error.cause instanceof Error,
      )
      // Commands do not need it.
      await (await openSqlite({ path })).close()
    }
  })
})

describe("sqlite: events are append-only", () => {
  it("in the database itself", async () => {
    const path = newPath()
    const store = await openSqlite({ path })
    await store.createAccount({ ...account(4), events: [{ type: "account.created" }] })
    await store.countFailure({
      accountId: undefined,
      event: { type: "login.failed" },
      closesAt: 100,
      closedEvent: { type: "login.closed" },
    })
    const raw = new DatabaseSync(path)
    for (const text of [
      "UPDATE event SET type = 'x'",
      "UPDATE event SET count = count + 2 WHERE minute IS NOT NULL",
      "DELETE FROM event",
      "UPDATE event SET count = 0",
    ]) {
      assert.throws(() => raw.exec(text), /append-only/, text)
    }
    raw.close()
    await store.close()
  })
})

describe("sqlite: shared commits", () => {
  const CREATE = sql`CREATE TABLE t (n INTEGER PRIMARY KEY)`
  const ADD = sql`INSERT INTO t (n) VALUES (?)`
  const ALL = sql`SELECT n FROM t ORDER BY n`

  it("keep what succeeded and nothing of what failed beside it", async () => {
    const db = new Executor(":memory:")
    db.script(CREATE)
    const writer = new Writer(db)
    const add = (...numbers: number[]) => writer.write(() => numbers.map((n) => db.run(ADD, n).changes))
    const results = await Promise.allSettled([add(1), add(2, 3, 1), add(4)])
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    )
    assert.deepEqual(
      db.all(ALL).map(({ n }) => n),
      [1, 4],
    )
    await writer.close()
    await assert.rejects(
      writer.write(() => 1),
      UnavailableError,
    )
  })

  it("answer after the commit: one fails, all that share it fail", async () => {
    const db = new Executor(":memory:")
    db.script(
      sql`CREATE TABLE p (n INTEGER PRIMARY KEY); CREATE TABLE c (n INTEGER REFERENCES p DEFERRABLE INITIALLY DEFERRED);`,
    )
    const writer = new Writer(db)
    const good = sql`INSERT INTO p (n) VALUES (?)`
    const bad = sql`INSERT INTO c (n) VALUES (?)`
    const results = await Promise.allSettled([
      writer.write(() => db.run(good, 1)),
      writer.write(() => db.run(bad, 99)),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ["rejected", "rejected"],
    )
    assert.deepEqual(db.all(sql`SELECT n FROM p`), [])
    await writer.close()
  })

  it("run nothing that the tag did not make", () => {
    const db = new Executor(":memory:")
    const forged = { text: "SELECT 1" }
    assert.ok(!isStatement(forged))
    assert.throws(() => db.all(forged), { name: "MisuseError" })
    assert.throws(() => db.script({ ...CREATE }), { name: "MisuseError" })
  })
})

describe("sqlite: failures close", () => {
  it("a file that another process holds is unavailable within 2 s, and the loop goes on", async () => {
    const path = newPath()
    const store = await openSqlite({ path })
    const raw = new DatabaseSync(path)
    raw.exec("BEGIN EXCLUSIVE")
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }, 5)
    const began = performance.now()
    await assert.rejects(store.createAccount(account(5)), UnavailableError)
    const took = performance.now() - began
    clearInterval(timer)
    raw.exec("ROLLBACK")
    raw.close()
    assert.ok(took < 2_000, `${took} ms`)
    assert.ok(longest < 500, `the loop stood still for ${longest} ms`)
    assert.equal((await store.createAccount(account(5))).kind, "created")
    await store.close()
  })

  it("a full disk: what was answered yes is stored, what was not is not", async (t) => {
    const mount = join(folder, "full")
    mkdirSync(mount)
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=512k", "tmpfs", mount]).status !== 0) {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "a small disk could not be mounted")
      return t.skip("mounting a small disk needs root")
    }
    try {
      chmodSync(mount, 0o700)
      const path = join(mount, "nightlatch.db")
      const store = await openSqlite({ path })
      const answered: string[] = []
      let refused = 0
      for (let batch = 0; batch < 200 && refused < 40; batch++) {
        const group = Array.from({ length: 8 }, (_, index) => account(1000 + batch * 8 + index))
        const results = await Promise.allSettled(group.map((each) => store.createAccount(each)))
        for (const [index, result] of results.entries()) {
          if (result.status === "fulfilled") answered.push(group[index]?.email ?? "")
          else {
            assert.ok(result.reason instanceof UnavailableError)
            refused++
          }
        }
      }
      assert.ok(refused > 0 && answered.length > 0, `${answered.length} stored, ${refused} refused`)
      await store.close()
      const raw = new DatabaseSync(path, { readOnly: true })
      const stored = raw
        .prepare("SELECT email FROM account")
        .all()
        .map(({ email }) => String(email))
      raw.close()
      assert.deepEqual(stored.sort(), answered.sort())
    } finally {
      spawnSync("umount", [mount])
    }
    return undefined
  })

  it("kill -9 at any moment: every rotation that was answered is there", async (t) => {
    const path = newPath()
    let answered = 0
    for (let round = 0; round < 5; round++) {
      const log = `${path}.${round}.log`
      mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 })
      const child = spawn(node, [CHILD, "rotate", path, log], { stdio: "ignore" })
      const patience = performance.now() + 20_000
      while (!existsSync(log) && performance.now() < patience)
        await new Promise((later) => setTimeout(later, 10))
      await new Promise((later) => setTimeout(later, 100 + Math.random() * 400))
      child.kill("SIGKILL")
      await new Promise((ended) => child.once("exit", ended))
      const lines = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").filter(Boolean) : []
      const newest = new Map(lines.map((line) => line.split(" ") as [string, string]))
      const store = await openSqlite({ path, exclusive: true })
      for (const [id, generation] of newest) {
        const stored = (await store.findSession(id))?.generation ?? 0
        // One more may have been committed and not yet answered.
        assert.ok(
          stored === Number(generation) || stored === Number(generation) + 1,
          `${stored} against ${generation}`,
        )
        answered += Number(generation) - 1
      }
      await store.close()
    }
    t.diagnostic(`${answered} rotations answered before five kills`)
    assert.ok(answered > 20)
  })
})

function exit(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((done) => child.once("exit", done))
}
