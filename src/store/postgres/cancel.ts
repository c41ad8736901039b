import type { EventEmitter } from "node:events"
import type { Duplex } from "node:stream"
import type pg from "pg"

const GIVE_UP_MS = 1_000

/** What the driver's own `cancel` uses; it is not in its types. */
interface Wire extends EventEmitter {
  readonly stream: Duplex
  connect(port: number, host: string): void
  requestSsl(): void
  cancel(processId: number, secretKey: number): void
}

/**
 * Asks the server to end what a connection that is given up still does there: a statement that waits for a lock does not
 * notice that nobody listens, and would hold one of the server's places and be carried out in the end. Over the same
 * verified TLS as everything else, since the message holds the key to do it. Never throws; after a second it is let be.
 */
export function cancel(driver: typeof pg, connection: pg.ClientConfig, client: pg.PoolClient): Promise<void> {
  const { processID, secretKey } = client as unknown as {
    processID?: number | null
    secretKey?: number | null
  }
  const { host = "", port = 5432, ssl = false } = connection
  if (typeof processID !== "number" || typeof secretKey !== "number") return Promise.resolve()
  return new Promise((resolve) => {
    const wire = new driver.Connection({ ssl } as pg.ConnectionConfig) as unknown as Wire
    const finish = () => {
      clearTimeout(timer)
      wire.stream.destroy()
      resolve()
    }
    const timer = setTimeout(finish, GIVE_UP_MS)
    wire.on("error", finish)
    // The server closes once it has passed the request on.
    wire.on("end", finish)
    const ask = () => wire.cancel(processID, secretKey)
    wire.on("connect", () => (ssl === false ? ask() : wire.requestSsl()))
    wire.on("sslconnect", ask)
    wire.connect(port, host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : host)
  })
}
