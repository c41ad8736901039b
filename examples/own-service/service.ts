/** A small service of one's own, guarded: run it with `npx node examples/own-service/main.ts`. */
import { Hono } from "hono"
import { type Guarded, guard, limit, requireRole, requireUser } from "../../src/adapters/hono.ts"
import type { Latch } from "../../src/index.ts"

export const publicRoutes: readonly string[] = ["GET /", "GET /products/*"]

export function createService(latch: Latch): Hono<Guarded> {
  const app = new Hono<Guarded>()
  app.use(guard(latch))
  app.get("/", (c) => c.text(c.var.session === undefined ? "Welcome, stranger." : "Welcome back."))
  app.get("/products/:id", (c) => c.json({ id: c.req.param("id") }))
  app.get("/orders", requireUser, (c) => c.json({ ordersOf: c.var.session.userId }))
  app.post("/orders", limit("5/minute"), (c) => c.json({ ordered: true }, 201))
  app.get("/admin", requireRole("admin"), (c) => c.text("The books."))
  return app
}
