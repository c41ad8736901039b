/**
 * A thousand slow clients of each kind at once, from a thousand addresses: slow heads, slow bodies, slow readers, and
 * connections that say nothing at all. An ordinary client is answered throughout.
 */
import assert from "node:assert/strict"
import { once } from "node:events"
import { type AddressInfo, connect as connectPlain, createServer, type Server, type Socket } from "node:net"
import { after, before, it } from "node:test"
import { connect } from "node:tls"
import { type Edge, openEdge, putCertificate, startEdge } from "./edge.ts"
import { openScratch, type Program, start, until, withPrograms } from "./programs.ts"
import { type Behind, startBehind } from "./service.ts"
import { visit } from "./visitor.ts"

const CONNECTIONS = 1_000
const SECONDS = 15
/** slowhttptest takes the Host from its URL, which has to lead to this machine. */
const NAME = "localhost"

/** Without the colours of a terminal. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}\\[[\\d;]*[A-Za-z]`, "g")
const plain = (text: string): string => text.replace(COLOUR, "")

withPrograms("slow clients", ["nginx", "envsubst", "slowhttptest"], () => {
  const scratch = openScratch()
  const sockets = new Set<Socket>()
  const silent: Socket[] = []
  let behind: Behind
  let edge: Edge
  let wire: Server
  let ca = ""

  before(async () => {
    behind = await startBehind(scratch, { NIGHTLATCH_ORIGIN: `https://${NAME}` })
    edge = await openEdge(scratch, { upstream: `127.0.0.1:${behind.running.port}`, domain: NAME })
    ca = putCertificate(scratch, NAME)
    await startEdge(edge)
    // The tool names no server in its handshake, and all of it comes from one address: this makes TLS and addresses.
    let count = 0
    wire = createServer((from) => {
      count++
      const localAddress = `127.2.${count >> 7}.${(count & 127) + 1}`
      const at = { host: "127.0.0.1", port: edge.https, servername: NAME, ca, localAddress }
      const to = connect(at)
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        sockets.add(one)
        one.pipe(other)
        one.on("error", () => {})
        one.on("close", () => {
          sockets.delete(one)
          other.destroy()
        })
      }
    }).listen(0)
    await once(wire, "listening")
  })
  after(async () => {
    for (const socket of [...sockets, ...silent]) socket.destroy()
    wire.close()
    await edge.stop()
    await behind.stop()
    scratch.remove()
  })

  it("starve nobody", async (t) => {
    const { port } = wire.address() as AddressInfo
    const attack = (name: string, ...words: readonly string[]): [string, Program] => {
      const common = ["-c", String(CONNECTIONS), "-r", "300", "-l", String(SECONDS), "-p", "5"]
      const url = ["-u", `http://${NAME}:${port}/auth/sign-in`]
      const line = ["slowhttptest", ...words, ...common, ...url]
      return [name, start(line, { TERM: "dumb" }, scratch.path, scratch.at(`${name}.log`))]
    }
    const attacks = [
      attack("heads", "-H", "-i", "4"),
      attack("bodies", "-B", "-i", "4", "-t", "POST", "-f", "application/json"),
      attack("readers", "-X", "-w", "8", "-y", "16", "-z", "4", "-n", "3", "-k", "3"),
    ]
    for (let index = 0; index < CONNECTIONS; index++) {
      const socket = connectPlain({
        host: "127.0.0.1",
        port: edge.https,
        localAddress: `127.3.${index >> 7}.1`,
      })
      socket.on("error", () => {})
      silent.push(socket)
    }
    let answered = 0
    const failures: string[] = []
    const over = () => attacks.every(([, { child }]) => child.exitCode !== null)
    const ordinary = async (): Promise<void> => {
      while (!over()) {
        const path = answered % 2 === 0 ? "/auth/sign-in" : "/.well-known/jwks.json"
        await visit({
          port: edge.https,
          ca,
          path,
          headers: { host: NAME },
          from: "127.0.9.1",
          options: { servername: NAME, timeout: 20_000 },
        }).then(
          ({ status, text }) => {
            if (status !== 200) failures.push(`${status} ${text.slice(0, 200)}`)
            answered++
          },
          (error) => failures.push(String(error)),
        )
        await new Promise((later) => setTimeout(later, 150))
      }
    }
    const visitor = ordinary()
    await until(over, SECONDS * 3, () => attacks.map(([, { output }]) => output().slice(-2_000)).join("\n"))
    await visitor
    const held = Object.fromEntries(
      attacks.map(([name, { output }]) => {
        const counts = [...plain(output()).matchAll(/^connected: +(\d+)$/gm)].map(([, n]) => Number(n))
        return [name, Math.max(0, ...counts)]
      }),
    )
    t.diagnostic(`${answered} answers while slow clients held ${JSON.stringify(held)}`)
    assert.deepEqual(failures, [])
    assert.ok(answered >= 20, `${answered}`)
    for (const [name, { output }] of attacks) {
      assert.ok((held[name] ?? 0) > CONNECTIONS / 2, `${name}: ${plain(output()).slice(-1_500)}`)
    }
  })
})
