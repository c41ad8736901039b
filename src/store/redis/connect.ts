import { MisuseError } from "../../core/misuse.ts"
import type { RedisAddress } from "./address.ts"
import type { RedisConnection } from "./connection.ts"
import { type Client, type Link, openLink } from "./link.ts"

export interface OwnedConnection extends RedisConnection {
  /** When the first attempt to connect has ended, however it did. */
  readonly tried: Promise<void>
  close(): void
}

/** @throws MisuseError `redis.package` when the package `redis` is not installed */
export async function connectRedis(address: RedisAddress): Promise<OwnedConnection> {
  const createClient = await load()
  const open = (onLost: (cause: unknown) => void): Client =>
    createClient({
      // Understood by every version, and by what speaks like Redis.
      RESP: 2,
      socket: {
        host: address.host,
        port: address.port,
        reconnectStrategy(_attempts: number, cause: unknown) {
          onLost(cause)
          return false
        },
        ...(address.tls ? { tls: true, rejectUnauthorized: true } : {}),
      },
      ...(address.username === undefined ? {} : { username: address.username }),
      ...(address.password === undefined ? {} : { password: address.password }),
      database: address.database,
      disableOfflineQueue: true,
      // Whoever asks does not wait for ever, and the link gives up one that hangs; a signal for each command costs more than it.
      commandOptions: { timeout: 0 },
      disableClientInfo: true,
      maintNotifications: "disabled",
    })
  const main = openLink(open)
  const listeners: Link[] = []
  return {
    send: main.send,
    tried: main.tried,
    async subscribe(channel, onMessage) {
      const link = openLink(open, async (client) => {
        await client.subscribe(channel, onMessage)
        onMessage("")
      })
      listeners.push(link)
      await link.tried
      return () => link.close()
    },
    close() {
      for (const link of [main, ...listeners]) link.close()
    },
  }
}

async function load(): Promise<(options: object) => Client> {
  try {
    const { createClient } = await import("redis")
    return createClient as unknown as (options: object) => Client
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error
    throw new MisuseError([
      {
        code: "redis.package",
        path: "redis",
        problem: "the package redis is not installed",
        fix: "Install it beside nightlatch: npm install redis",
      },
    ])
  }
}
