import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { type TestContext, test } from "node:test"
import type { Clock } from "../../src/core/clock.ts"
import type { NewEvent } from "../../src/core/event.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"
import type { RefreshPresentation, Store } from "../../src/store/store.ts"
import { openOnClock } from "../store/postgres-clock.ts"
import { withServer } from "../store/postgres-server.ts"
import { shadow } from "./shadow.ts"

const IDLE = 3_600_000
const ABSOLUTE = 2 * IDLE
const RESTART = 5 * 60_000

/** Each class of each input of the decision; the table is their product. */
const WINDOWS = [
  { graceMs: 10_000, minRotateMs: 16_000 },
  { graceMs: 0, minRotateMs: 0 },
]
const ROTATIONS = [0, 1, 3]
const STEPS = [-3, -2, -1, 0, 1, 2]
const HASHES = ["right", "wrong"] as const
const AGES = [
  0,
  1,
  9_999,
  10_000,
  10_001,
  15_999,
  16_000,
  RESTART - 1,
  RESTART,
  RESTART + 10_001,
  IDLE - 1,
  IDLE,
]
/** When the process became ready: before the rotation, or so long after it. */
const READY = [-1, 0, 1, 5_000, RESTART - 1, RESTART] as const
const LIVES = ["live", "revoked", "past the absolute end"] as const

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
/** A server waits for its disk at each of them: in short runs it is asked every so many cells, all classes among them. */
const STRIDE = LONG ? 1 : 11

test("SQLite and the reference agree on every cell of the decision table", (t) =>
  compareAll(t, (clock) => openSqlite({ path: ":memory:", clock }), 1))

withServer("the decision table on a server", () => {
  test("PostgreSQL and the reference agree on the cells of the decision table", (t) =>
    compareAll(t, openOnClock, STRIDE))
})

async function compareAll(
  t: TestContext,
  open: (clock: Clock) => Promise<Store>,
  stride: number,
): Promise<void> {
  let now = 1_800_000_000_000
  const clock = () => now
  const store = await open(clock)
  const watched = shadow(store, clock)
  const accountId = randomBytes(16).toString("base64url")
  const account = {
    id: accountId,
    email: "ada@example.com",
    passwordHash: "h",
    roles: [],
    verified: true,
    events: [],
  }
  await store.createAccount(account)
  const events = (type: NewEvent["type"]) => [{ type }]
  let cells = 0
  let place = 0

  async function session(windows: (typeof WINDOWS)[number], rotations: number, absoluteMs: number) {
    const id = randomBytes(16).toString("base64url")
    const hashes = [randomBytes(32)]
    const salt = randomBytes(32)
    const about = {
      transport: "cookie",
      persistent: true,
      methods: ["pwd"],
      client: "",
      addressPrefix: "",
    } as const
    const row = { id, hash: hashes[0] as Buffer, salt, idleMs: IDLE, absoluteMs, ...about }
    const started = await store.startSession({ accountId, verifiedHash: "h", session: row, events: [] })
    assert.ok(started.kind === "started")
    watched.signedIn(started.session, row.hash, row.salt)
    const present = (generation: number, hash: Uint8Array, more: Partial<RefreshPresentation>) => {
      const next = randomBytes(32)
      hashes.push(next)
      return watched.store.presentRefresh({
        sessionId: id,
        generation,
        hash,
        nextHash: next,
        nextSalt: randomBytes(32),
        transport: "cookie",
        ...windows,
        idleMs: IDLE,
        readyAt: 0,
        events: {
          reuse: events("session.reuse"),
          "late-parent": events("session.parent_late"),
          rollback: events("session.rollback"),
        },
        mail: ({ id, email }) => ({
          purpose: "signed-out-for-safety",
          email,
          accountId: id,
          decoy: false,
          language: "en",
        }),
        ...more,
      })
    }
    for (let generation = 1; generation <= rotations; generation++) {
      const { verdict } = await present(generation, hashes[generation - 1] as Buffer, { minRotateMs: 0 })
      assert.equal(verdict, "rotated")
    }
    return { id, hashes, present }
  }

  for (const windows of WINDOWS) {
    for (const rotations of ROTATIONS) {
      for (const step of STEPS) {
        const generation = rotations + 1 + step
        if (generation < 1) continue
        for (const kind of HASHES) {
          for (const age of AGES) {
            for (const ready of READY) {
              if (ready > age || (rotations === 0 && ready > 0)) continue
              for (const life of LIVES) {
                if (life === "past the absolute end" && age === 0) continue
                if (place++ % stride !== 0) continue
                const made = await session(
                  windows,
                  rotations,
                  life === "past the absolute end" ? age : ABSOLUTE,
                )
                const rotatedAt = now
                if (life === "revoked") {
                  await store.revokeSession({ sessionId: made.id, reason: "logout", events: [] })
                  watched.revoke(made.id)
                }
                now += age
                const right = made.hashes[generation - 1] ?? randomBytes(32)
                const hash = kind === "right" ? right : randomBytes(32)
                await made.present(generation, hash, { readyAt: ready < 0 ? 0 : rotatedAt + ready })
                const after = await store.findSession(made.id)
                assert.equal(after?.generation, watched.rows.get(made.id)?.generation)
                watched.rows.delete(made.id)
                cells++
              }
            }
          }
        }
      }
    }
  }
  t.diagnostic(
    `${cells} cells: ${[...watched.verdicts].map(([name, count]) => `${count} ${name}`).join(", ")}`,
  )
  assert.ok(cells > 500)
  for (const verdict of ["rotated", "coalesced", "retry", "late-parent", "reuse", "rollback", "ended"]) {
    assert.ok(watched.verdicts.has(verdict), `${verdict} never happened`)
  }
  await store.close()
}
