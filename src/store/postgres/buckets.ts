import type { SharedBuckets, SharedTake } from "../../core/shared-buckets.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Executor } from "./executor.ts"

const TAKE = sql`SELECT passed, at_ms, full_in_ms FROM nightlatch.take_bucket_batch($1, $2, $3, $4, $5)`
const SINCE_MS = 1_767_225_600_000
/** Requests in one statement. */
const MOST = 256
/** Longer than anybody waits for an answer. */
const PATIENCE_MS = 500

type Wanted = Parameters<SharedBuckets["take"]>[0]

interface Waiting {
  readonly wanted: Wanted
  resolve(take: SharedTake): void
  reject(error: unknown): void
}

/**
 * One statement at a time, which commits by itself; what is wanted meanwhile goes together into the next. So a flood, also one
 * that hits a single bucket, keeps one connection busy and none waiting for a row, and its cost is shared. The table is not
 * in the log of the database, so nobody waits for a disk. A statement that gets no answer does not hold up the next for long:
 * its connection may be lost, and so may others of the pool.
 */
export function createBuckets(db: Executor): SharedBuckets["take"] {
  const waiting: Waiting[] = []
  let busy = false

  async function work(): Promise<void> {
    busy = true
    while (waiting.length > 0) await settle(db, waiting.splice(0, MOST))
    busy = false
  }

  return (wanted) =>
    new Promise((resolve, reject) => {
      waiting.push({ wanted, resolve, reject })
      if (!busy) void work()
    })
}

/** Resolves when all have their answer, or when they have waited too long for it. Never rejects. */
function settle(db: Executor, batch: readonly Waiting[]): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS)
    takeBatch(db, batch)
      .then(
        (takes) => {
          for (const [index, take] of takes.entries()) batch[index]?.resolve(take)
        },
        (error: unknown) => {
          for (const each of batch) each.reject(error)
        },
      )
      .finally(() => {
        clearTimeout(timer)
        resolve()
      })
  })
}

async function takeBatch(db: Executor, batch: readonly Waiting[]): Promise<readonly SharedTake[]> {
  const slots = new Map<string, number>()
  const places: number[] = []
  const all = batch.flatMap(({ wanted }) => wanted)
  for (const { id } of all) {
    if (!slots.has(id)) slots.set(id, slots.size + 1)
    places.push(slots.get(id) as number)
  }
  const row = await db.first(
    TAKE,
    [...slots.keys()].map((id) => Buffer.from(id, "latin1").toString("base64url")),
    batch.map(({ wanted }) => wanted.length),
    places,
    all.map(({ intervalMs }) => intervalMs),
    all.map(({ burst }) => burst),
  )
  const passed = row?.passed as readonly boolean[]
  const fullInMs = row?.full_in_ms as readonly number[]
  if (fullInMs?.length !== all.length) {
    throw new UnavailableError("the database does not count every bucket")
  }
  const left = [...fullInMs]
  return batch.map(({ wanted }, index) => ({
    passed: passed[index] === true,
    fullInMs: left.splice(0, wanted.length),
    at: SINCE_MS + Number(row?.at_ms),
  }))
}
