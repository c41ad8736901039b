/**
 * Rotations on PostgreSQL, by the store and by the bare UPDATE of the same row in a loop, from as many connections. The
 * server is the one of DATABASE_URL or at the usual port; a database of its own is made there and dropped.
 */
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import pg from "pg"
import { openPostgres } from "../src/store/postgres/index.ts"
import type { NewSession, Store } from "../src/store/store.ts"
import { answer, cpuMicroseconds } from "./process.ts"

const admin = process.env.DATABASE_URL ?? "postgres://postgres@127.0.0.1:5432/postgres"
const SESSIONS = 2_000
const DAY = 86_400_000
const BARE = `
  UPDATE nightlatch.session SET generation = generation + 1, previous_hash = current_hash, current_hash = $2, salt = $3,
    rotated_at = nightlatch.now_ms(), idle_end = nightlatch.now_ms() + $4::bigint
  WHERE id = $1 AND generation = $5 AND current_hash = $6 AND revoked_at IS NULL`

interface Token {
  readonly id: string
  readonly bytes: Buffer
  generation: number
  hash: Buffer
}

interface Measured {
  readonly perSecond: number
  /** Processor time for one, in microseconds: of this process, and of the server's where it runs on this machine. */
  readonly cost: number
}

const name = `nightlatch_bench_${randomBytes(4).toString("hex")}`
const url = new URL(admin)
url.pathname = name

async function ask(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: admin })
  await client.connect()
  await client.query(text)
  await client.end()
}

async function signIn(store: Store, accountId: string): Promise<Token> {
  const id = randomBytes(16)
  const session: NewSession = {
    id: id.toString("base64url"),
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
  return { id: session.id, bytes: id, generation: 1, hash: session.hash as Buffer }
}

/** Of the server's processes that work for this database, each by its number: idle ones end meanwhile. */
async function serverMicroseconds(): Promise<ReadonlyMap<number, number>> {
  const text = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
  const { rows } = (await clients[0]?.query<{ pid: number }>(text)) ?? { rows: [] }
  const local = rows.filter(({ pid }) => existsSync(`/proc/${pid}/stat`))
  return new Map(local.map(({ pid }) => [pid, cpuMicroseconds(pid)]))
}

/** Each lane has tokens of its own, and goes round them until the time is over. */
async function measure(
  tokens: readonly Token[],
  lanes: number,
  milliseconds: number,
  rotate: (token: Token, next: Buffer, lane: number) => Promise<boolean>,
): Promise<Measured> {
  const server = await serverMicroseconds()
  const [began, before] = [performance.now(), process.cpuUsage()]
  let count = 0
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let at = lane; performance.now() - began < milliseconds; at = (at + lanes) % SESSIONS) {
        const token = tokens[at - (at % lanes) + lane] ?? tokens[lane]
        if (token === undefined) return
        const next = randomBytes(32)
        if (!(await rotate(token, next, lane))) throw new Error("a rotation was lost")
        token.generation++
        token.hash = next
        count++
      }
    }),
  )
  const { user, system } = process.cpuUsage(before)
  const perSecond = (count * 1000) / (performance.now() - began)
  let total = user + system
  for (const [pid, spent] of await serverMicroseconds()) total += spent - (server.get(pid) ?? 0)
  return { perSecond, cost: total / count }
}

await ask(`CREATE DATABASE ${name}`)
const stores = new Map<number, Store>()
const clients: pg.Client[] = []
const tokens: Token[] = []
for (const lanes of [1, 8, 16])
  stores.set(lanes, await openPostgres({ url: `${url.href}?pool_size=${lanes}` }))
const seed = stores.get(16) as Store
const accountId = randomBytes(16).toString("base64url")
const about = { passwordHash: "hash", roles: [], verified: true, events: [] }
await seed.createAccount({ id: accountId, email: "ada@example.com", ...about })
for (let index = 0; index < SESSIONS; index++) tokens.push(await signIn(seed, accountId))
for (let index = 0; index < 16; index++) {
  const client = new pg.Client({ connectionString: url.href })
  await client.connect()
  clients.push(client)
}

const events = { reuse: [], "late-parent": [], rollback: [] }
const mail = () => {
  throw new TypeError("nobody is mailed")
}

answer(async ({ kind, lanes, milliseconds }) => {
  if (kind === "end") {
    await Promise.all([
      ...[...stores.values()].map((store) => store.close()),
      ...clients.map((each) => each.end()),
    ])
    await ask(`DROP DATABASE ${name} WITH (FORCE)`)
    return 0
  }
  const store = stores.get(Number(lanes)) as Store
  return measure(tokens, Number(lanes), Number(milliseconds), async (token, next, lane) => {
    if (kind === "bare") {
      const values = [token.bytes, next, next, DAY, token.generation, token.hash]
      return (await clients[lane]?.query({ name: "bare", text: BARE, values }))?.rowCount === 1
    }
    const { verdict } = await store.presentRefresh({
      sessionId: token.id,
      generation: token.generation,
      hash: token.hash,
      nextHash: next,
      nextSalt: next,
      transport: "cookie",
      graceMs: 0,
      minRotateMs: 0,
      idleMs: DAY,
      readyAt: 0,
      events,
      mail,
    })
    return verdict === "rotated"
  })
})
