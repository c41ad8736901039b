/** A wire between a program and a server that can be made to swallow everything without a word. */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface TcpProxy {
  readonly port: number
  /** Nothing moves any more, on connections old and new, and nobody is told. */
  hang(): void
  /** New connections work again; those that hung stay silent. */
  resume(): void
  close(): Promise<void>
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let hanging = false
  let silent = new WeakSet<Socket>()
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1")
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      if (hanging) silent.add(from)
      from.on("data", (chunk) => {
        if (!silent.has(from)) to.write(chunk)
      })
      from.on("error", () => {})
      from.on("close", () => {
        sockets.delete(from)
        if (!silent.has(from)) to.destroy()
      })
    }
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    hang() {
      hanging = true
      silent = new WeakSet(sockets)
    },
    resume() {
      hanging = false
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}
