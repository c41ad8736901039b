/** The servers that are measured: `guarded` is Nightlatch, `bare` is node:http with the same answer. */
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { guard } from "../src/adapters/node.ts"
import { generateSecret } from "../src/checklist/secret/index.ts"
import { compose } from "../src/latch/latch.ts"
import { readPolicies } from "../src/latch/policy.ts"
import { openStore } from "../src/store/open.ts"
import type { Store } from "../src/store/store.ts"
import { answer } from "./process.ts"

const ORIGIN = "http://localhost:3000"
// Above what the load reaches from one address, and for each of a thousand users; counted and told like any other rate.
const FREE = "200000/second burst 4000"
const PER_USER = "6000/minute burst 4000"

if (process.argv[2] === "bare") await serveBare()
else
  await serveGuarded(
    process.argv[3] ?? ":memory:",
    process.argv[4] ?? "5",
    process.argv[5] ?? generateSecret(),
  )

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  return (server.address() as AddressInfo).port
}

async function serveBare(): Promise<void> {
  let headers: string[] = []
  let body = ""
  const port = await listen((_request, response) => response.writeHead(200, headers).end(body))
  answer((question) => {
    headers = (question.headers as string[] | undefined) ?? headers
    body = (question.body as string | undefined) ?? body
    return { port }
  })
}

/** @param place a file, or the URL of a PostgreSQL */
async function serveGuarded(place: string, delay: string, secret: string): Promise<void> {
  const policies = readPolicies({
    origin: ORIGIN,
    secret,
    database: place,
    session: { toleratedDelaySeconds: Number(delay) },
    overload: { loopDelayMs: 5_000 },
    rateLimit: {
      perAddress: FREE,
      perUser: PER_USER,
      login: { perAccount: FREE, perDevice: FREE, perAddress: FREE },
      refresh: { perAddress: FREE },
      mail: { perAddress: FREE },
    },
    botCheck: {
      free: {
        mail: { perNetwork: FREE, inAll: FREE },
        signIn: { perAccount: FREE, perNetwork: FREE },
      },
    },
    mail: { sendMail: async () => {}, limits: { totalHour: 1_000_000 } },
  })
  const turns = { calls: 0, count: 0, open: false }
  const store = await openStore(policies.database, { exclusive: true })
  const latch = await compose(policies, counting(store, turns))
  const port = await listen(guard(latch))
  answer(async (question) => {
    if (question.sessions !== undefined) {
      const cookies: string[] = []
      for (let made = 0; made < Number(question.sessions); made += 500) {
        const many = Math.min(500, Number(question.sessions) - made)
        const batch = Array.from({ length: many }, (_, index) =>
          latch.testing.signIn({ email: `user${made + index}@example.com` }),
        )
        cookies.push(...(await Promise.all(batch)).map(({ cookie }) => cookie))
      }
      return { port, cookies: question.silent === true ? cookies.slice(0, 10_000) : cookies }
    }
    if (question.account !== undefined) {
      const { createPasswords } = await import("../src/checklist/password/index.ts")
      const hashed = await createPasswords({ policy: policies.password, contextWords: [] }).hash(
        String(question.password),
        { network: "bench", account: "bench" },
      )
      if (hashed.kind !== "hashed") throw new Error("no hash")
      for (const [index, email] of (question.account as string[]).entries()) {
        await store.createAccount({
          id: Buffer.alloc(16, `${index}.`).toString("base64url"),
          email,
          passwordHash: hashed.hash,
          roles: [],
          verified: true,
          events: [],
        })
      }
    }
    if (question.collect === true) {
      setFlagsFromString("--expose-gc")
      runInNewContext("gc")()
    }
    return { port, batch: turns.count === 0 ? 0 : turns.calls / turns.count }
  })
}

/** Counts how many rotations arrive in one turn of the event loop: those share a commit. */
function counting(store: Store, turns: { calls: number; count: number; open: boolean }): Store {
  const presentRefresh: Store["presentRefresh"] = (input) => {
    turns.calls++
    if (!turns.open) {
      turns.open = true
      turns.count++
      setImmediate(() => {
        turns.open = false
      })
    }
    return store.presentRefresh(input)
  }
  return { ...store, presentRefresh }
}
