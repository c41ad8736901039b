/** A database of its own on the PostgreSQL of DATABASE_URL or at the usual port, and what the server's processes cost. */
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import pg from "pg"
import type { NewSession, Store } from "../src/store/store.ts"
import { cpuMicroseconds } from "./process.ts"

export const DAY = 86_400_000

const admin = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/postgres"

/** What the statement of a rotation changes, and nothing of what surrounds it. */
export const BARE_ROTATION = `
  UPDATE nightlatch.session SET generation = generation + 1, previous_hash = current_hash, current_hash = $2, salt = $3,
    rotated_at = nightlatch.now_ms(), idle_end = nightlatch.now_ms() + $4::bigint
  WHERE id = $1 AND generation = $5 AND current_hash = $6 AND revoked_at IS NULL`

/** A session and the token that rotates it next. */
export interface Token {
  readonly id: string
  readonly bytes: Buffer
  generation: number
  hash: Buffer
}

export interface Database {
  readonly url: string
  /** Of the server's processes that work for this database, each by its number: idle ones end meanwhile. */
  microseconds(): Promise<ReadonlyMap<number, number>>
  drop(): Promise<void>
}

export async function createDatabase(): Promise<Database> {
  const name = `nightlatch_bench_${randomBytes(4).toString("hex")}`
  const url = new URL(admin)
  url.pathname = name
  const client = new pg.Client({ connectionString: admin })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  return {
    url: url.href,
    async microseconds() {
      const { rows } = await client.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE datname = $1",
        [name],
      )
      const local = rows.filter(({ pid }) => existsSync(`/proc/${pid}/stat`))
      return new Map(local.map(({ pid }) => [pid, cpuMicroseconds(pid)]))
    },
    async drop() {
      await client.query(`DROP DATABASE ${name} WITH (FORCE)`)
      await client.end()
    },
  }
}

/** What was spent between two answers of `microseconds`. */
export function spentBetween(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
): number {
  let total = 0
  for (const [pid, spent] of after) total += spent - (before.get(pid) ?? 0)
  return total
}

export async function signInMany(store: Store, count: number): Promise<Token[]> {
  const accountId = randomBytes(16).toString("base64url")
  const email = `${accountId.toLowerCase()}@example.com`
  const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
  await store.createAccount({ id: accountId, email, ...about })
  const tokens: Token[] = []
  while (tokens.length < count) {
    const bytes = randomBytes(16)
    const session: NewSession = {
      id: bytes.toString("base64url"),
      hash: randomBytes(32),
      salt: randomBytes(32),
      idleMs: DAY,
      absoluteMs: DAY,
      transport: "cookie",
      persistent: true,
      methods: ["pwd"],
      client: "Firefox on Linux",
      addressPrefix: "192.0.2.0/24",
    }
    await store.startSession({ accountId, verifiedHash: "hash", session, events: [] })
    tokens.push({ id: session.id, bytes, generation: 1, hash: session.hash as Buffer })
  }
  return tokens
}
