/** A table of 64 sessions with the statement that rotates one, as fast as node:sqlite runs it. */
import { DatabaseSync } from "node:sqlite"

const SESSIONS = 64

const bytes = (size: number, seed: number): Buffer => Buffer.alloc(size, `${seed}.`)

export class BareStore {
  readonly #db: DatabaseSync
  readonly #rotate: ReturnType<DatabaseSync["prepare"]>
  readonly #states = Array.from({ length: SESSIONS }, (_, id) => ({
    id: bytes(16, id),
    generation: 1,
    hash: bytes(32, 1),
  }))
  #done = 0

  constructor(path: string) {
    this.#db = new DatabaseSync(path)
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000")
    this.#db.exec(
      `CREATE TABLE session (id BLOB PRIMARY KEY, generation INTEGER, previous_hash BLOB, current_hash BLOB, salt BLOB,
         rotated_at INTEGER, idle_end INTEGER, revoked_at INTEGER) WITHOUT ROWID, STRICT`,
    )
    const insert = this.#db.prepare("INSERT INTO session VALUES (?, 1, NULL, ?, ?, 0, 0, NULL)")
    for (const { id, hash } of this.#states) insert.run(id, hash, bytes(32, 2))
    this.#rotate = this.#db.prepare(
      `UPDATE session SET generation = generation + 1, previous_hash = current_hash, current_hash = ?, salt = ?,
         rotated_at = ?, idle_end = ? WHERE id = ? AND generation = ? AND current_hash = ? AND revoked_at IS NULL`,
    )
  }

  begin(): void {
    this.#db.exec("BEGIN IMMEDIATE")
  }

  commit(): void {
    this.#db.exec("COMMIT")
  }

  /** Rotates the next session in turn. */
  rotate(): void {
    const done = ++this.#done
    const state = this.#states[done % SESSIONS]
    if (state === undefined) throw new Error("no state")
    const next = bytes(32, done)
    const { id, generation, hash } = state
    const { changes } = this.#rotate.run(next, bytes(32, done + 1), done, done, id, generation, hash)
    if (changes !== 1) throw new Error("nothing rotated")
    state.generation++
    state.hash = next
  }

  close(): void {
    this.#db.close()
  }
}
