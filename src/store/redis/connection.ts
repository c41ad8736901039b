/**
 * All that is asked of Redis. `redis: "redis://…"` makes one with the package `redis`; a client that you have already fits
 * with a few lines, ioredis for example: `{ send: ([name, ...rest]) => client.call(name, ...rest), subscribe: … }`.
 */
export interface RedisConnection {
  /** Runs one command, its name first. It should reject at once when there is no connection. */
  send(command: readonly string[]): Promise<unknown>
  /**
   * Listens on a channel, on a connection that is used for nothing else, and listens again after each loss.
   * @param onMessage is called with each message, and with `""` whenever some may have been missed
   * @returns ends it
   */
  subscribe(channel: string, onMessage: (message: string) => void): Promise<() => unknown>
}
