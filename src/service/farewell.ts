/**
 * How an instance leaves its balancer. A port that closes at once resets what waits in the system's queue for it, and a
 * balancer does not repeat a POST. So whoever has been asked lately whether it is ready says no first, goes on answering, and
 * closes when nobody sends it anything any more; one that nobody watches closes at once.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Server as TlsServer } from "node:https"

/** Balancers ask each few seconds; one that has not asked for so long is not there. */
const WATCHED_MS = 30_000
/** Most balancers ask each 5 s. With the 10 s for what is in flight it fits into the 20 s of the deploy bundle. */
const LONGEST_MS = 6_000
/** Once it was told: a second without a request is nobody's any more. */
const QUIET_MS = 1_000
const LOOK_MS = 50

export interface Farewell {
  /** Somebody asks whether this instance is ready. */
  noteAsked(): void
  /** Resolves when the port may be closed. */
  wait(): Promise<void>
}

export function createFarewell(server: Server | TlsServer): Farewell {
  let askedAt = Number.NEGATIVE_INFINITY
  let leaving = false
  let told = false
  let heardAt = 0

  function onRequest({ url }: IncomingMessage, response: ServerResponse): void {
    // The next request of this client opens a connection, and so meets another instance.
    response.shouldKeepAlive = false
    if (url !== "/readyz") heardAt = performance.now()
  }

  return {
    noteAsked() {
      askedAt = performance.now()
      if (leaving) told = true
    },
    async wait() {
      const began = performance.now()
      if (began - askedAt > WATCHED_MS) return
      leaving = true
      heardAt = began
      server.prependListener("request", onRequest)
      for (;;) {
        const now = performance.now()
        if (now - began >= LONGEST_MS || (told && now - heardAt >= QUIET_MS)) return
        await new Promise((later) => setTimeout(later, LOOK_MS))
      }
    },
  }
}
