/** What the service is compared with: the bare statement, and the bare hash. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { hash, verify } from "@node-rs/argon2"
import { answer } from "./process.ts"

const PASSWORD = "violet kettle ninety moss"
const HASHING = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/** The statement that rotates, FULL, so many to a commit, in a loop without anything else. */
function updates(batch: number, milliseconds: number): number {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-bench-"))
  const db = new DatabaseSync(join(folder, "bare.db"))
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")
  db.exec(
    `CREATE TABLE session (id BLOB PRIMARY KEY, generation INTEGER, previous_hash BLOB, current_hash BLOB, salt BLOB,
       rotated_at INTEGER, idle_end INTEGER, revoked_at INTEGER) WITHOUT ROWID, STRICT`,
  )
  const bytes = (size: number, seed: number) => Buffer.alloc(size, `${seed}.`)
  const insert = db.prepare("INSERT INTO session VALUES (?, 1, NULL, ?, ?, 0, 0, NULL)")
  for (let id = 0; id < 64; id++) insert.run(bytes(16, id), bytes(32, 1), bytes(32, 2))
  const rotate = db.prepare(
    `UPDATE session SET generation = generation + 1, previous_hash = current_hash, current_hash = ?, salt = ?,
       rotated_at = ?, idle_end = ? WHERE id = ? AND generation = ? AND current_hash = ? AND revoked_at IS NULL`,
  )
  const states = Array.from({ length: 64 }, (_, id) => ({
    id: bytes(16, id),
    generation: 1,
    hash: bytes(32, 1),
  }))
  let done = 0
  const began = performance.now()
  while (performance.now() - began < milliseconds) {
    db.exec("BEGIN IMMEDIATE")
    for (let count = 0; count < batch; count++) {
      const state = states[done % 64]
      if (state === undefined) throw new Error("no state")
      const next = bytes(32, done)
      const { changes } = rotate.run(
        next,
        bytes(32, done + 1),
        done,
        done,
        state.id,
        state.generation,
        state.hash,
      )
      if (changes !== 1) throw new Error("nothing rotated")
      state.generation++
      state.hash = next
      done++
    }
    db.exec("COMMIT")
  }
  const perSecond = (done / (performance.now() - began)) * 1000
  db.close()
  rmSync(folder, { recursive: true, force: true })
  return perSecond
}

async function hashes(concurrency: number, milliseconds: number): Promise<number> {
  const stored = await hash(PASSWORD, HASHING)
  let done = 0
  const began = performance.now()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() - began < milliseconds) {
        if (!(await verify(stored, PASSWORD))) throw new Error("wrong")
        done++
      }
    }),
  )
  return (done / (performance.now() - began)) * 1000
}

answer((question) =>
  question.kind === "updates"
    ? updates(Number(question.batch), Number(question.milliseconds))
    : hashes(Number(question.concurrency), Number(question.milliseconds)),
)
