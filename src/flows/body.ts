import type * as z from "zod"
import type { FlowCall } from "../core/flow.ts"
import { parseStrictJsonBytes } from "../core/json.ts"
import { type Refusal, type RefusalKind, refuse } from "../core/verdict.ts"

const TYPE: RefusalKind = { status: 415, code: "body.type", title: "Send application/json." }
const TOO_LARGE: RefusalKind = { status: 413, code: "body.too_large", title: "The body is too large." }
const BROKEN: RefusalKind = { status: 400, code: "body.broken", title: "The body did not arrive whole." }
const MALFORMED: RefusalKind = {
  status: 400,
  code: "body.malformed",
  title: "The body is not acceptable JSON.",
}
const INVALID = "body.invalid"

/** Exactly this essence; a charset, if there is one, is utf-8. An absent type is what a Blob of another site sends. */
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i

/**
 * Reads a body as strict JSON of exactly this shape. What is wrong is told by member, never by value.
 * @returns the value under `value`, or a refusal 415, 413, 400, 422
 */
export async function readBody<Schema extends z.ZodType>(
  call: FlowCall,
  schema: Schema,
  limitBytes: number,
): Promise<{ readonly value: z.output<Schema> } | Refusal> {
  const { view } = call
  if (!JSON_TYPE.test(view.header("content-type") ?? ""))
    return refuse(TYPE, "the body is not application/json")
  if (view.header("content-encoding") !== undefined) return refuse(TYPE, "the body is encoded")
  const read = await call.body(limitBytes)
  if (read.kind === "too-large") return refuse(TOO_LARGE, "the body is too large", [["connection", "close"]])
  if (read.kind === "broken") return refuse(BROKEN, "the body broke off")
  const json = parseStrictJsonBytes(read.bytes)
  if (json === undefined) return refuse(MALFORMED, "not strict JSON")
  const result = schema.safeParse(json)
  if (result.success) return { value: result.data }
  const members = new Set(result.error.issues.flatMap(membersOf))
  const named = [...members].filter((name) => /^[A-Za-z]{1,40}$/.test(name)).slice(0, 10)
  const title = `The body is not what this takes${named.length === 0 ? "." : `: ${named.join(", ")}.`}`
  return refuse({ status: 422, code: INVALID, title }, "the body has another shape")
}

function membersOf(issue: z.core.$ZodIssue): string[] {
  return issue.code === "unrecognized_keys" ? issue.keys : [String(issue.path[0] ?? "")]
}
