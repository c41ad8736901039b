import type * as z from "zod"

/** One thing that is wrong with a program or its configuration, and the change that mends it. */
export interface Fault {
  /** Stable, `room.what`. */
  readonly code: string
  /** Where: the option's path, an environment variable, a file. */
  readonly path: string
  readonly problem: string
  readonly fix: string
}

/** The program or its configuration is wrong. Thrown at construction with every fault at once. */
export class MisuseError extends TypeError {
  override readonly name = "MisuseError"
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => `${fault.path}: ${fault.problem} [${fault.code}]\n  ${fault.fix}`).join("\n"))
    this.faults = faults
  }
}

/** Collects faults so that all of them are told at once. */
export class Faults {
  readonly #list: Fault[] = []

  add(code: string, path: string, problem: string, fix: string): void {
    this.#list.push({ code, path, problem, fix })
  }

  get list(): readonly Fault[] {
    return this.#list
  }

  throwIfAny(): void {
    if (this.#list.length > 0) throw new MisuseError(this.#list)
  }
}

/**
 * Reads unknown input by a schema made of `z.strictObject`. What is wrong becomes faults, with a hint for a misspelt
 * name; values are never repeated in a message, since an option may be a secret.
 * @returns the parsed value, or undefined when there were faults
 */
export function readBySchema<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  path: string,
  faults: Faults,
): z.output<Schema> | undefined {
  const result = schema.safeParse(input, { error: problemOf })
  if (result.success) return result.data
  for (const issue of result.error.issues) addIssue(issue, schema, path, faults)
  return undefined
}

function addIssue(issue: z.core.$ZodIssue, schema: z.ZodType, path: string, faults: Faults): void {
  const at = [path, ...issue.path.map(String)].filter((part) => part !== "").join(".")
  if (issue.code !== "unrecognized_keys") {
    faults.add("option.invalid", at, issue.message, fixOf(issue))
    return
  }
  const known = keysAt(schema, issue.path)
  for (const key of issue.keys) {
    const near = nearest(key, known)
    const where = at === "" ? key : `${at}.${key}`
    const fix = near === undefined ? `Remove it; known here: ${known.join(", ")}.` : `Did you mean "${near}"?`
    faults.add("option.unknown", where, "there is no such option", fix)
  }
}

const ARTICLES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
}

/** What is counted, where it is not the number itself that has a bound. */
const COUNTED: Readonly<Record<string, string>> = { string: "characters", array: "entries" }

/** What is wrong, where the schema itself has no sentence for it. */
function problemOf(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined
        ? "it is missing"
        : `it is not ${ARTICLES[issue.expected] ?? "of this type"}`
    case "too_small": {
      const counted = COUNTED[issue.origin]
      if (counted !== undefined)
        return issue.minimum === 1 ? "it is empty" : `it has less than ${issue.minimum} ${counted}`
      return `it is ${issue.inclusive === false ? "not above" : "below"} ${issue.minimum}`
    }
    case "too_big": {
      const counted = COUNTED[issue.origin]
      if (counted !== undefined) return `it has more than ${issue.maximum} ${counted}`
      return `it is ${issue.inclusive === false ? "not below" : "above"} ${issue.maximum}`
    }
    case "invalid_value":
      return `it is none of ${issue.values.map(String).join(", ")}`
    default:
      return "it is not what this option takes"
  }
}

function fixOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (issue.expected in ARTICLES) return `Give ${ARTICLES[issue.expected]}.`
      break
    case "too_small":
      return `Give ${issue.inclusive === false ? "more than" : "at least"} ${amount(issue.minimum, issue.origin)}.`
    case "too_big":
      return `Give ${issue.inclusive === false ? "less than" : "at most"} ${amount(issue.maximum, issue.origin)}.`
    case "invalid_value":
      return `Give one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}.`
  }
  return "See the option's documentation for what it takes."
}

function amount(bound: number | bigint, origin: string): string {
  const counted = COUNTED[origin]
  if (counted === undefined) return String(bound)
  return bound === 1 ? "one" : `${bound} ${counted}`
}

/** The keys a schema knows at a path, looking through optional and default wrappers. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = schema
  for (const step of [...path, undefined]) {
    current = unwrap(current)
    const shape = (current as { shape?: Record<string, unknown> }).shape
    if (step === undefined) return shape === undefined ? [] : Object.keys(shape)
    current = shape?.[String(step)] ?? (current as { element?: unknown }).element ?? {}
  }
  return []
}

function unwrap(schema: unknown): unknown {
  let current = schema as { def?: { innerType?: unknown } }
  while (current?.def?.innerType !== undefined) current = current.def.innerType as typeof current
  return current
}

/** The known word within two edits, two letters that changed places being one, or the same word in another case. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = 3
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) {
      best = candidate
      least = distance
    }
  }
  return best
}

function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2 || a.length > 64) return 3
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : change
      next.push(Math.min(change, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 3
}
