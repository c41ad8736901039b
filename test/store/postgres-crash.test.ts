/** A broken wire or a killed instance at every point of the life of an account: nothing half, nothing lost. */
import assert from "node:assert/strict"
import { randomInt } from "node:crypto"
import { after, before, it } from "node:test"
import pg from "pg"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Tally } from "./postgres-journal.ts"
import { type Instance, inTime, LIFE_MS, startInstance, untilGone, verifyAll } from "./postgres-life.ts"
import { type Failure, type Kind, startProxy, type Wire } from "./postgres-proxy.ts"
import { withDatabase } from "./postgres-server.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const POINTS = 40
/** Lives at once, in one database: a hanging wire is mostly waiting, and none of them may hold up another. */
const LANES = 4

/** `kill`: the instance itself. */
type Incident = Failure | "kill"
const INCIDENTS: readonly Incident[] = ["kill", "cut", "kill", "cut", "kill", "cut", "kill", "hang"]

/** The same numbers for the same seed. https://en.wikipedia.org/wiki/Linear_congruential_generator, as in Numerical Recipes */
function shuffled(count: number, seed: number): number[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  let state = seed >>> 0
  for (let left = count; left > 1; left--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const other = Math.floor((state / 2 ** 32) * left)
    const [a, b] = [numbers[left - 1] ?? 0, numbers[other] ?? 0]
    numbers[left - 1] = b
    numbers[other] = a
  }
  return numbers
}

interface Point {
  readonly kind: Kind
  readonly at: number
}

/** Half of them where something is made to last, which are few of all messages. */
function pointsOf(total: Readonly<Record<Kind, number>>, seed: number): Point[] {
  const of = (kind: Kind) => shuffled(total[kind], seed).map((at) => ({ kind, at }))
  const [messages, commits] = [of("message"), of("commit")]
  if (LONG) return [...commits, ...messages]
  return Array.from(
    { length: POINTS },
    (_, index) => (index % 2 === 0 ? messages : commits)[index >> 1],
  ).filter((point) => point !== undefined)
}

withDatabase("postgres: a broken wire or a killed instance", (url) => {
  let server: pg.Client
  const wires: Wire[] = []
  before(async () => {
    // Not of this database, which is dropped while this is still open.
    server = new pg.Client({ connectionString: new URL("/postgres", url()).href })
    await server.connect()
    await (await openPostgres({ url: url() })).close()
    const { hostname, port } = new URL(url())
    for (let lane = 0; lane < LANES; lane++)
      wires.push(await startProxy({ host: hostname, port: Number(port) }))
  })
  after(async () => {
    await Promise.all(wires.map((wire) => wire.close()))
    await server.end()
  })

  function through(wire: Wire): string {
    const changed = new URL(url())
    changed.port = String(wire.port)
    return changed.href
  }

  const instances = new Map<Wire, Instance>()

  async function live(wire: Wire, point: Point, incident: Incident, tally: Tally): Promise<void> {
    const instance = instances.get(wire) ?? (await inTime(startInstance(through(wire)), LIFE_MS))
    wire.arm(point.kind, point.at, () => {
      if (incident === "kill") instance.child.kill("SIGKILL")
      return incident === "kill" ? "cut" : incident
    })
    const { journal, end } = instance.live()
    const killed = (await inTime(end, LIFE_MS)) === "SIGKILL"
    // Whoever gets no answer asks again until there is one.
    if (!killed) assert.equal(await end, "over")
    assert.equal(killed, incident === "kill" && wire.failed)
    if (killed) instances.delete(wire)
    else instances.set(wire, instance)
    await untilGone(server, wire.drop())
    await verifyAll(url(), journal, tally)
  }

  it("leaves nothing half, loses no session, forks none and revives none, wherever it happens", async (t) => {
    const [first] = wires
    assert.ok(first)
    const untouched = { kept: 0, gone: 0, sessions: 0 }
    await live(first, { kind: "message", at: Number.POSITIVE_INFINITY }, "cut", untouched)
    assert.deepEqual(untouched, { kept: 0, gone: 0, sessions: 6 })
    const seed = Number(process.env.NIGHTLATCH_TEST_SEED ?? randomInt(2 ** 31))
    const points = pointsOf(first.passed, seed)
    t.diagnostic(`seed ${seed}: ${points.length} points of ${JSON.stringify(first.passed)}`)
    const tally = { kept: 0, gone: 0, sessions: 0 }
    const queue = points.entries()
    await Promise.all(
      wires.map(async (wire) => {
        for (const [index, point] of queue) {
          const incident = INCIDENTS[(index >> 1) % INCIDENTS.length] ?? "cut"
          await live(wire, point, incident, tally).catch((error: unknown) => {
            throw new Error(`${incident} at ${point.kind} ${point.at}, seed ${seed}`, { cause: error })
          })
        }
      }),
    )
    t.diagnostic(`without an answer: ${tally.kept} kept, ${tally.gone} gone; ${tally.sessions} sessions`)
    assert.ok(tally.kept > 0 && tally.gone > 0, "the wire never broke where it matters")
  })
})
