import type { Server } from "node:http"
import type { ServerLimits } from "./options.ts"

/**
 * Sets the limits on a server. Node reads the size of a head at each connection, and how often to look after the times when
 * it begins to listen: until then both are plain properties, as the constructor's options leave them.
 */
export function limitServer(server: Server, limits: ServerLimits): void {
  server.headersTimeout = limits.headersTimeoutMs
  server.requestTimeout = limits.requestTimeoutMs
  server.keepAliveTimeout = limits.keepAliveTimeoutMs
  server.maxHeadersCount = limits.maxHeaderCount
  server.maxConnections = limits.maxConnections
  Object.assign(server, {
    maxHeaderSize: limits.maxHeaderBytes,
    connectionsCheckingInterval: limits.connectionsCheckingIntervalMs,
  })
}
