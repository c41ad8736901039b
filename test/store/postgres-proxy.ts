/** A wire between a program and PostgreSQL that counts messages, and that fails at a chosen one. */
import { createServer, type Server, Socket } from "node:net"

/**
 * `cut`: both ends see the connection close. `hang`: no answer moves any more, nor any further question, and nobody is told.
 * A question that has begun to arrive arrives whole, as one packet does: half of one would leave the server waiting for
 * the rest with all its locks, since the wire to it is up and no timeout of PostgreSQL 15 ends that.
 */
export type Failure = "cut" | "hang"

/** Every message in either direction; or those after which the server makes something last. */
export type Kind = "message" | "commit"

export interface Wire {
  readonly port: number
  /** What passed since `arm`, by all connections together. */
  readonly passed: Readonly<Record<Kind, number>>
  /** Whether what was armed has happened. */
  readonly failed: boolean
  /** Ends all connections. @returns the ports by which the server knew them, of all since the last time */
  drop(): number[]
  /** Counts from 0 again; once `at` messages of the kind have been delivered, the connection of the last one fails. */
  arm(kind: Kind, at: number, fail: () => Failure): void
  close(): Promise<void>
}

// ReadyForQuery, and its state outside of a transaction.
const [READY, IDLE] = [0x5a, 0x49]
const [QUERY, SYNC] = [0x51, 0x53]
/** After which the server answers; 0 begins a connection. */
const ENDS: ReadonlySet<unknown> = new Set([QUERY, SYNC, 0])

/** COMMIT, or the end of a statement that commits by itself. */
const commits = (message: Buffer, idle: boolean): boolean =>
  message[0] === QUERY ? message.toString("latin1", 5, 11) === "COMMIT" : message[0] === SYNC && idle

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Wire> {
  const sockets = new Set<Socket>()
  let ports: number[] = []
  let passed = { message: 0, commit: 0 }
  let plan: { readonly kind: Kind; readonly at: number; readonly fail: () => Failure } | undefined

  const server: Server = createServer({ noDelay: true }, (client) => {
    const upstream = new Socket().connect(target).setNoDelay(true)
    upstream.once("connect", () => ports.push(upstream.localPort ?? 0))
    let failing: Failure | undefined
    let idle = true
    let whole = true
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    const pass = (to: Socket, message: Buffer) => {
      if (to.destroyed || (failing !== undefined && (to === client || failing === "cut" || whole))) return
      if (to === upstream) whole = ENDS.has(message[0])
      if (failing !== undefined) {
        to.write(message)
        return
      }
      passed.message++
      if (to === client && message[0] === READY) idle = message[5] === IDLE
      else if (to === upstream && commits(message, idle)) passed.commit++
      const due = plan !== undefined && passed[plan.kind] >= plan.at ? plan : undefined
      if (due === undefined) {
        to.write(message)
        return
      }
      plan = undefined
      failing = due.fail()
      // The message itself still arrives: what it made the other side do is what nobody hears of.
      to.write(message, () => {
        if (failing === "cut") end()
      })
    }
    const fromClient = split(true)
    const fromServer = split(false)
    client.on("data", (chunk) => {
      for (const message of fromClient(chunk)) pass(upstream, message)
    })
    upstream.on("data", (chunk) => {
      for (const message of fromServer(chunk)) pass(client, message)
    })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        if (failing !== "hang") end()
      })
    }
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const address = server.address()
  if (address === null || typeof address === "string") throw new TypeError("the proxy has no port")
  return {
    port: address.port,
    get passed() {
      return { ...passed }
    },
    get failed() {
      return plan === undefined
    },
    drop() {
      for (const socket of sockets) socket.destroy()
      const known = ports
      ports = []
      return known
    },
    arm(kind, at, fail) {
      passed = { message: 0, commit: 0 }
      plan = { kind, at, fail }
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((closed) => server.close(() => closed()))
    },
  }
}

/**
 * Whole messages out of pieces: a type and a length, and the length of all but the type; a client's first message has no
 * type. https://www.postgresql.org/docs/15/protocol-message-formats.html
 */
function split(startsBare: boolean): (chunk: Buffer) => Buffer[] {
  let rest = Buffer.alloc(0)
  let bare = startsBare
  return (chunk) => {
    rest = Buffer.concat([rest, chunk])
    const whole: Buffer[] = []
    for (;;) {
      const type = bare ? 0 : 1
      if (rest.length < type + 4) return whole
      const length = type + rest.readInt32BE(type)
      if (rest.length < length) return whole
      whole.push(rest.subarray(0, length))
      rest = rest.subarray(length)
      bare = false
    }
  }
}
