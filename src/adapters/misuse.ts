import type { IncomingMessage } from "node:http"
import { MisuseError } from "../core/misuse.ts"

const said = new Set<string>()

/** Said on standard error once, because a program without a logger would only show that everything answers 500. */
function misuse(code: string, problem: string, fix: string): MisuseError {
  const error = new MisuseError([{ code, path: "guard", problem, fix }])
  if (!said.has(code)) process.emitWarning(error.message, { type: error.name, code })
  said.add(code)
  return error
}

/** A flow would wait for ever for a body that somebody has read, and nobody would have bounded it. */
export function bodyConsumed(): MisuseError {
  return misuse(
    "guard.body_consumed",
    "the body was read before the guard saw the request",
    "Put guard(latch) before whatever parses bodies.",
  )
}

/** What connect and Express leave on a message whose `url` they have shortened to what follows the mount path. */
interface Mounted {
  readonly originalUrl?: string
}

/** @returns what is wrong with where the guard stands, seen from a message of node:http */
export function misuseOf(request: IncomingMessage): MisuseError | undefined {
  if (request.readableDidRead) return bodyConsumed()
  const { originalUrl } = request as Mounted
  return originalUrl === undefined || originalUrl === request.url
    ? undefined
    : mountedBelow("a shortened path")
}

/** What stands outside the mount path is not guarded, and a shortened path would match other public routes. */
export function mountedBelow(where: string): MisuseError {
  return misuse(
    "guard.mounted_below",
    `it guards ${where} and not the root of the application`,
    "Put guard(latch) at the root. In Hono, when the rest is meant to be open, name the place: " +
      'guard(latch, { mountedAt: "/api" }), with a basePath below it.',
  )
}
