import type { SharedBuckets, SharedTake } from "../../core/shared-buckets.ts"
import { sql } from "../../core/statement.ts"
import { UnavailableError } from "../../core/unavailable.ts"
import type { Executor } from "./executor.ts"

const TAKE = sql`
  SELECT place, passed, at_ms, full_in_ms FROM nightlatch.take_buckets($1, $2, $3) ORDER BY place`
const SINCE_MS = 1_767_225_600_000

/** One statement, which commits by itself; the table is not in the log of the database, so nobody waits for a disk. */
export async function takeBuckets(
  db: Executor,
  wanted: Parameters<SharedBuckets["take"]>[0],
): Promise<SharedTake> {
  const rows = await db.all(
    TAKE,
    wanted.map(({ id }) => Buffer.from(id, "latin1").toString("base64url")),
    wanted.map(({ intervalMs }) => intervalMs),
    wanted.map(({ burst }) => burst),
  )
  const [first] = rows
  if (first === undefined || rows.length !== wanted.length) {
    throw new UnavailableError("the database does not count every bucket")
  }
  return {
    passed: first.passed === true,
    fullInMs: rows.map((row) => Number(row.full_in_ms)),
    at: SINCE_MS + Number(first.at_ms),
  }
}
