/**
 * Three instances as real processes on PostgreSQL and Redis behind a load balancer, as they run in production: they are
 * replaced one after the other and one is killed, while people use them.
 */
import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { after, before, it, type TestContext } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { createDatabaseWithRoles, withServer } from "../store/postgres-server.ts"
import { type RedisServer, startRedis, withOwnRedis } from "../store/redis-server.ts"
import {
  type Answer,
  ask,
  command,
  cookiesOf,
  freePort,
  killAll,
  openFolder,
  type Running,
  serve,
} from "./process.ts"

const PASSWORD = "seven copper lanterns drift"
const PEOPLE = 4
/** minRotate is then 1.9 s, so that a short test rotates often. */
const DELAY = "0.3"
const LOOK_MS = 50
/** By this the balancer knows who asks, as by an address. */
const PERSON = "x-person"

interface Backend {
  readonly port: number
  running: Running | undefined
  /** Whether its /readyz said yes the last time it was asked. */
  ready: boolean
}

/**
 * Sends each request to the next instance that is ready. To another when one cannot be reached, and also when one that asks
 * for nothing but an answer got none, since a connection may wait for an instance that stops: as balancers do by default.
 */
class Balancer {
  readonly server = createServer((incoming, outgoing) => void this.#pass(incoming, outgoing))
  readonly served = new Map<number, number>()
  #turn = 0
  #watching = true
  readonly backends: readonly Backend[]

  constructor(backends: readonly Backend[]) {
    this.backends = backends
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve))
    return (this.server.address() as AddressInfo).port
  }

  watch(): void {
    for (const backend of this.backends) {
      void (async () => {
        while (this.#watching) {
          const answer = await ask(backend.port, "/readyz").catch(() => undefined)
          backend.ready = answer?.status === 200
          await delay(LOOK_MS)
        }
      })()
    }
  }

  close(): void {
    this.#watching = false
    this.server.close()
    this.server.closeAllConnections()
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of incoming) parts.push(part as Buffer)
    const body = Buffer.concat(parts)
    for (let attempt = 0; attempt < this.backends.length * 2; attempt++) {
      const backend = this.backends[this.#turn++ % this.backends.length] as Backend
      if (!backend.ready) continue
      const outcome = await this.#send(backend, incoming, body, outgoing)
      if (outcome !== "unreachable") return
      backend.ready = false
    }
    outgoing.writeHead(502).end()
  }

  #send(
    backend: Backend,
    incoming: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
  ): Promise<"answered" | "broken" | "unreachable"> {
    return new Promise((resolve) => {
      const { [PERSON]: person, ...given } = incoming.headers
      // Everybody has an address and its limit of requests, or a fast machine would meet it.
      const headers = { ...given, "x-forwarded-for": `192.0.2.${person}` }
      const outgoingRequest = httpRequest(
        {
          port: backend.port,
          host: "127.0.0.1",
          path: incoming.url,
          method: incoming.method,
          headers,
          agent: false,
        },
        (answer) => {
          this.served.set(backend.port, (this.served.get(backend.port) ?? 0) + 1)
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(outgoing)
          answer.once("end", () => resolve("answered"))
        },
      )
      outgoingRequest.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "ECONNREFUSED") return resolve("unreachable")
        if (!outgoing.headersSent) outgoing.writeHead(502)
        outgoing.end()
        resolve("broken")
      })
      outgoingRequest.end(body)
    })
  }
}

withServer("three instances behind a balancer", () => {
  withOwnRedis("with Redis", () => {
    const folder = openFolder()
    let database: Awaited<ReturnType<typeof createDatabaseWithRoles>>
    let redis: RedisServer
    let balancer: Balancer
    let port = 0
    let environment: Readonly<Record<string, string>> = {}

    before(async () => {
      // A machine that is busy with other tests is late by itself; shedding has tests of its own.
      writeFileSync(join(folder.path, "nightlatch.config.json"), '{ "overload": { "loopDelayMs": 5000 } }')
      database = await createDatabaseWithRoles()
      redis = await startRedis()
      const ports = await Promise.all([0, 1, 2].map(() => freePort()))
      balancer = new Balancer(ports.map((each) => ({ port: each, running: undefined, ready: false })))
      port = await balancer.open()
      environment = {
        NIGHTLATCH_SECRET: generateSecret(),
        NIGHTLATCH_ORIGIN: `http://localhost:${port}`,
        NIGHTLATCH_HOSTS: ports.map((each) => `localhost:${each}`).join(","),
        NIGHTLATCH_DATABASE: database.service,
        NIGHTLATCH_REDIS: redis.url,
        NIGHTLATCH_TRUSTED_PROXIES: "127.0.0.1",
        NIGHTLATCH_TOLERATED_DELAY: DELAY,
      }
      const migrated = await command(folder.path, ["migrate"], "", {
        ...environment,
        NIGHTLATCH_DATABASE: database.owner,
      })
      assert.equal(migrated.code, 0, migrated.error)
      for (let person = 0; person < PEOPLE; person++) {
        const words = ["user", "create", emailOf(person), "--password-stdin"]
        const made = await command(folder.path, words, `${PASSWORD}\n`, environment)
        assert.equal(made.code, 0, made.error)
      }
      for (const backend of balancer.backends) await start(backend)
      balancer.watch()
      await until(() => balancer.backends.every(({ ready }) => ready))
    })
    after(async () => {
      balancer?.close()
      killAll()
      await redis?.close()
      await database?.drop()
      folder.remove()
    })

    const emailOf = (person: number) => `person${person}@example.com`

    async function start(backend: Backend): Promise<void> {
      backend.running = await serve(folder.path, [], { ...environment, PORT: String(backend.port) })
    }

    async function until(holds: () => boolean): Promise<void> {
      const patience = performance.now() + 20_000
      while (!holds()) {
        assert.ok(performance.now() < patience, "it did not happen")
        await delay(LOOK_MS)
      }
    }

    /** One person's browser: signs in, asks, refreshes, and notes everything that a person would notice. */
    async function use(person: number, going: () => boolean) {
      const noticed = { asked: 0, refreshed: 0, broken: 0, failures: [] as string[] }
      let jar = new Map<string, string>()
      const send = async (path: string, json?: object): Promise<Answer | undefined> => {
        const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
        const headers = {
          host: `localhost:${port}`,
          "x-nightlatch": "1",
          [PERSON]: String(person + 1),
          ...(cookie === "" ? {} : { cookie }),
        }
        // A browser whose request broke asks once more.
        for (let attempt = 0; attempt < 4; attempt++) {
          const answer = await ask(port, path, {
            headers,
            ...(json === undefined ? {} : { json, method: "POST" }),
          }).catch(() => undefined)
          if (answer !== undefined && answer.status !== 502) {
            for (const pair of cookiesOf(answer)
              .split("; ")
              .filter((each) => each !== "")) {
              const at = pair.indexOf("=")
              jar.set(pair.slice(0, at), pair.slice(at + 1))
            }
            return answer
          }
          noticed.broken++
          await delay(LOOK_MS)
        }
        return undefined
      }
      const note = (what: string, answer: Answer | undefined, wanted: number) => {
        if (answer?.status !== wanted)
          noticed.failures.push(`${what}: ${answer?.status} ${answer?.text.slice(0, 200)}`)
      }
      note("sign in", await send("/auth/login", { email: emailOf(person), password: PASSWORD }), 200)
      let refreshAt = performance.now() + 700 * (person + 1)
      while (going()) {
        note("me", await send("/auth/me"), 200)
        noticed.asked++
        if (performance.now() >= refreshAt) {
          note("refresh", await send("/auth/refresh", {}), 200)
          noticed.refreshed++
          refreshAt = performance.now() + 2_000
        }
        await delay(20)
      }
      note("sign out", await send("/auth/logout", {}), 204)
      const old = jar
      // Ended everywhere within two seconds: asked of every instance, past the balancer.
      await delay(2_000)
      for (const backend of balancer.backends) {
        const cookie = [...old].map(([name, value]) => `${name}=${value}`).join("; ")
        const answer = await ask(backend.port, "/auth/me", { headers: { host: `localhost:${port}`, cookie } })
        note(`after sign-out on ${backend.port}`, answer, 401)
      }
      jar = new Map()
      return noticed
    }

    async function whileUsed(t: TestContext, meanwhile: () => Promise<void>) {
      let going = true
      const people = Array.from({ length: PEOPLE }, (_, person) => use(person, () => going))
      try {
        await delay(1_000)
        await meanwhile()
        await delay(1_000)
      } finally {
        going = false
      }
      const noticed = await Promise.all(people)
      const sum = (of: (each: (typeof noticed)[number]) => number) =>
        noticed.reduce((total, each) => total + of(each), 0)
      t.diagnostic(
        `${sum((each) => each.asked)} requests, ${sum((each) => each.refreshed)} refreshes, ${sum((each) => each.broken)} broken`,
      )
      assert.deepEqual(
        noticed.flatMap(({ failures }) => failures),
        [],
      )
      assert.ok(sum((each) => each.refreshed) >= PEOPLE, "hardly anybody refreshed")
      return { broken: sum((each) => each.broken) }
    }

    it("are replaced one after the other, and nobody notices", async (t) => {
      const { broken } = await whileUsed(t, async () => {
        for (const backend of balancer.backends) {
          assert.equal(await backend.running?.stop("SIGTERM"), 0)
          await start(backend)
          await until(() => backend.ready)
        }
      })
      assert.equal(broken, 0, "a request broke although every instance went by itself")
      assert.equal(balancer.served.size, 3, "all three answered")
    })

    it("lose one without a word, and nobody is signed out", async (t) => {
      await whileUsed(t, async () => {
        const [first] = balancer.backends
        await first?.running?.stop("SIGKILL")
        await delay(1_500)
        if (first !== undefined) await start(first)
        await until(() => first?.ready === true)
      })
    })

    it("lose Redis and get it back, and nobody notices", async (t) => {
      const { broken } = await whileUsed(t, async () => {
        await redis.kill()
        await delay(2_500)
        await redis.start()
        await delay(500)
      })
      assert.equal(broken, 0)
    })
  })
})
