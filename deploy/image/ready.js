// The container's health: the service says that its store answers. It has a name, and answers to no other.
import { request } from "node:http"

const { host } = new URL(process.env.NIGHTLATCH_ORIGIN ?? "http://localhost:3000")
const asked = request(
  { host: "127.0.0.1", port: process.env.PORT ?? 3000, path: "/readyz", headers: { host }, timeout: 4_000 },
  (response) => {
    response.resume()
    process.exitCode = response.statusCode === 200 ? 0 : 1
  },
)
asked.on("timeout", () => asked.destroy())
asked.on("error", () => {
  process.exitCode = 1
})
asked.end()
