/**
 * Rotations on PostgreSQL, by the store and by the bare UPDATE of the same row in a loop, from as many connections. The
 * server is the one of DATABASE_URL or at the usual port; a database of its own is made there and dropped.
 */
import { randomBytes } from "node:crypto"
import pg from "pg"
import { openPostgres } from "../src/store/postgres/index.ts"
import type { Store } from "../src/store/store.ts"
import { BARE_ROTATION, createDatabase, DAY, signInMany, spentBetween, type Token } from "./database.ts"
import { answer } from "./process.ts"

const SESSIONS = 2_000

interface Measured {
  readonly perSecond: number
  /** Processor time for one, in microseconds: of this process, and of the server's where it runs on this machine. */
  readonly cost: number
}

/** Each lane has tokens of its own, and goes round them until the time is over. */
async function measure(
  tokens: readonly Token[],
  lanes: number,
  milliseconds: number,
  rotate: (token: Token, next: Buffer, lane: number) => Promise<boolean>,
): Promise<Measured> {
  const server = await database.microseconds()
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
  return { perSecond, cost: (user + system + spentBetween(server, await database.microseconds())) / count }
}

const database = await createDatabase()
const stores = new Map<number, Store>()
const clients: pg.Client[] = []
for (const lanes of [1, 8, 16])
  stores.set(lanes, await openPostgres({ url: `${database.url}?pool_size=${lanes}` }))
const seed = stores.get(16) as Store
const tokens = await signInMany(seed, SESSIONS)
for (let index = 0; index < 16; index++) {
  const client = new pg.Client({ connectionString: database.url })
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
    await database.drop()
    return 0
  }
  const store = stores.get(Number(lanes)) as Store
  return measure(tokens, Number(lanes), Number(milliseconds), async (token, next, lane) => {
    if (kind === "bare") {
      const values = [token.bytes, next, next, DAY, token.generation, token.hash]
      return (await clients[lane]?.query({ name: "bare", text: BARE_ROTATION, values }))?.rowCount === 1
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
