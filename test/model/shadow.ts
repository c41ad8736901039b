import assert from "node:assert/strict"
import type { RefreshPresentation, RefreshResult, Store, StoredSession } from "../../src/store/store.ts"
import { decide, type Presentation, type Row } from "./reference.ts"

/** The reference beside a real store: every presentation is decided by both, and they must agree. */
export interface Shadow {
  readonly store: Pick<Store, "presentRefresh" | "peekRefresh" | "readRevocations">
  readonly rows: Map<string, Row>
  /** How often each verdict was given. */
  readonly verdicts: Map<string, number>
  signedIn(session: StoredSession, hash: Uint8Array, salt: Uint8Array): void
  revoke(sessionId: string): void
  /** Every row of the store as the reference has it (I3, I12). */
  compareRows(): Promise<void>
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex")
}

export function plainOf(input: RefreshPresentation): Presentation {
  const { hash, nextHash, nextSalt, ...rest } = input
  return { ...rest, hash: hex(hash), nextHash: hex(nextHash), nextSalt: hex(nextSalt) }
}

export function shadow(store: Store, clock: () => number): Shadow {
  const rows = new Map<string, Row>()
  const verdicts = new Map<string, number>()

  async function presentRefresh(input: RefreshPresentation): Promise<RefreshResult> {
    // Decided before the store is asked: presentations made together are decided in the order they were made.
    const now = clock()
    const expected = decide(rows.get(input.sessionId), plainOf(input), now)
    if (expected.row !== undefined) rows.set(input.sessionId, expected.row)
    const result = await store.presentRefresh(input)
    assert.equal(result.verdict, expected.verdict)
    verdicts.set(result.verdict, (verdicts.get(result.verdict) ?? 0) + 1)
    if ("session" in result && expected.row !== undefined) {
      assert.equal(result.now, now)
      assert.equal(hex(result.salt), expected.row.salt)
      assert.equal(hex(result.currentHash), expected.row.currentHash)
      const { idleEnd, absoluteEnd } = result.session
      assert.deepEqual([idleEnd, absoluteEnd], [expected.row.idleEnd, expected.row.absoluteEnd])
    }
    return result
  }

  return {
    rows,
    verdicts,
    store: {
      presentRefresh,
      peekRefresh: (input) => store.peekRefresh(input),
      readRevocations: (input) => store.readRevocations(input),
    },
    signedIn(session, hash, salt) {
      const { generation, rotatedAt, revokedAt, idleEnd, absoluteEnd } = session
      assert.deepEqual([generation, rotatedAt, revokedAt], [1, null, null])
      rows.set(session.id, {
        generation,
        currentHash: hex(hash),
        previousHash: null,
        salt: hex(salt),
        rotatedAt,
        revokedAt,
        idleEnd,
        absoluteEnd,
      })
    },
    revoke(sessionId) {
      const row = rows.get(sessionId)
      if (row !== undefined && row.revokedAt === null) rows.set(sessionId, { ...row, revokedAt: clock() })
    },
    async compareRows() {
      for (const [id, row] of rows) {
        const stored = await store.findSession(id)
        assert.ok(stored, `session ${id} is gone`)
        compare(stored, row)
      }
    },
  }
}

function compare(stored: StoredSession, row: Row): void {
  const facts = [stored.generation, stored.rotatedAt, stored.idleEnd, stored.absoluteEnd]
  assert.deepEqual(facts, [row.generation, row.rotatedAt, row.idleEnd, row.absoluteEnd])
  // Ending a session that is past its end may or may not be written; nothing depends on it.
  const open = row.revokedAt === null || row.revokedAt < Math.min(row.idleEnd, row.absoluteEnd)
  if (open) assert.equal(stored.revokedAt, row.revokedAt)
}
