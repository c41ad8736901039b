import { Server } from "node:http"
import { serve } from "@hono/node-server"
import { nightlatch } from "../../src/index.ts"
import { createService, publicRoutes } from "./service.ts"

const latch = await nightlatch({
  origin: "http://localhost:3001",
  secret: process.env.NIGHTLATCH_SECRET ?? "",
  database: "./data/own-service.db",
  publicRoutes,
  logger: console,
})
const server = serve({ fetch: createService(latch).fetch, port: 3001, hostname: "127.0.0.1" })
if (server instanceof Server) latch.limitServer(server)
console.log(`http://localhost:3001, and the mails at ${latch.inboxUrl}`)
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close(() => latch.close()))
