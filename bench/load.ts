/** The load that wrk cannot make: each client waits for its answer and goes on with what it was given. */
import { connect, type Socket } from "node:net"
import { answer } from "./process.ts"

interface Got {
  readonly status: number
  readonly head: string
}

class Client {
  readonly #socket: Socket
  #text = ""
  #resolve: ((got: Got) => void) | undefined

  constructor(port: number) {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true })
    this.#socket.setEncoding("latin1")
    this.#socket.on("data", (text: string) => this.#read(text))
    this.#socket.on("error", (error) => {
      throw error
    })
  }

  ask(method: string, path: string, headers: string, body: string = ""): Promise<Got> {
    const type = body === "" ? "" : "Content-Type: application/json\r\n"
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: localhost:3000\r\n${headers}${type}Content-Length: ${body.length}\r\n\r\n${body}`,
      "latin1",
    )
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#text += text
    const end = this.#text.indexOf("\r\n\r\n")
    if (end < 0) return
    const head = this.#text.slice(0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#text.length < end + 4 + length) return
    this.#text = this.#text.slice(end + 4 + length)
    this.#resolve?.({ status: Number(head.slice(9, 12)), head })
  }
}

const REFRESH = /set-cookie: (__Host-Http-refresh_token_3000=[^;]+)/i

async function rotate(port: number, cookies: readonly string[], milliseconds: number): Promise<object> {
  let rotated = 0
  const end = performance.now() + milliseconds
  const began = performance.now()
  await Promise.all(
    cookies.map(async (given) => {
      const client = new Client(port)
      let cookie = given
      while (performance.now() < end) {
        const { status, head } = await client.ask(
          "POST",
          "/auth/refresh",
          `Cookie: ${cookie}\r\nX-Nightlatch: 1\r\n`,
        )
        const next = REFRESH.exec(head)?.[1]
        if (status !== 200 || next === undefined) throw new Error(`refresh: ${head}`)
        cookie = next
        rotated++
      }
      client.end()
    }),
  )
  return { perSecond: (rotated / (performance.now() - began)) * 1000, rotated, cookies }
}

async function signIn(
  port: number,
  emails: readonly string[],
  password: string,
  milliseconds: number,
): Promise<object> {
  let done = 0
  const end = performance.now() + milliseconds
  const began = performance.now()
  await Promise.all(
    emails.map(async (email) => {
      const client = new Client(port)
      while (performance.now() < end) {
        const { status, head } = await client.ask(
          "POST",
          "/auth/login",
          "",
          JSON.stringify({ email, password }),
        )
        if (status === 200) done++
        else if (status === 503 || status === 429) await new Promise((later) => setTimeout(later, 50))
        else throw new Error(`login: ${head}`)
      }
      client.end()
    }),
  )
  return { perSecond: (done / (performance.now() - began)) * 1000 }
}

/**
 * Asks at a steady rate over 64 connections and never sleeps. A load that asks as fast as it is answered sleeps whenever the
 * server is the slower one, and then every answer wakes it: that wake-up is the server's work, and dearer than a check.
 */
async function paced(
  port: number,
  path: string,
  cookies: readonly string[],
  perMillisecond: number,
  milliseconds: number,
): Promise<object> {
  const clients = Array.from({ length: 64 }, () => ({ client: new Client(port), busy: false }))
  const waiting: Promise<void>[] = []
  const began = performance.now()
  let [asked, missed, turn] = [0, 0, 0]
  for (;;) {
    const elapsed = performance.now() - began
    if (elapsed > milliseconds) break
    while (asked + missed < Math.floor(elapsed) * perMillisecond) {
      const each = clients[turn++ % clients.length]
      if (each === undefined || each.busy) {
        missed++
        continue
      }
      each.busy = true
      const cookie = cookies[asked++ % cookies.length]
      waiting.push(
        each.client.ask("GET", path, `Cookie: ${cookie}\r\n`).then(({ status, head }) => {
          if (status !== 200) throw new Error(`${path}: ${head}`)
          each.busy = false
        }),
      )
    }
    await new Promise((next) => setImmediate(next))
  }
  await Promise.all(waiting)
  for (const { client } of clients) client.end()
  return { answered: asked, missed }
}

async function latency(port: number, cookie: string, milliseconds: number): Promise<object> {
  const client = new Client(port)
  const times: number[] = []
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    const began = performance.now()
    const { status } = await client.ask("GET", "/auth/me", `Cookie: ${cookie}\r\n`)
    if (status !== 200) throw new Error(`me: ${status}`)
    times.push(performance.now() - began)
    // Below the limit of a user.
    await new Promise((later) => setTimeout(later, 11))
  }
  client.end()
  times.sort((a, b) => a - b)
  return { p50: times[Math.floor(times.length * 0.5)], p99: times[Math.floor(times.length * 0.99)] }
}

/** Asks about several addresses in turns, so that noise meets all alike. */
async function compare(
  port: number,
  bodies: readonly string[],
  path: string,
  rounds: number,
): Promise<object> {
  const client = new Client(port)
  const times = bodies.map((): number[] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, body] of bodies.entries()) {
      const began = performance.now()
      await client.ask("POST", path, "", body.replace("ROUND", String(round)))
      times[index]?.push(performance.now() - began)
    }
  }
  client.end()
  return times
}

answer((question) => {
  const { kind, port, milliseconds } = question as { kind: string; port: number; milliseconds: number }
  if (kind === "rotate") return rotate(port, question.cookies as string[], milliseconds)
  if (kind === "sign-in")
    return signIn(port, question.emails as string[], String(question.password), milliseconds)
  if (kind === "paced")
    return paced(
      port,
      String(question.path),
      question.cookies as string[],
      Number(question.perMillisecond),
      milliseconds,
    )
  if (kind === "compare")
    return compare(port, question.bodies as string[], String(question.path), Number(question.rounds))
  return latency(port, String(question.cookie), milliseconds)
})
