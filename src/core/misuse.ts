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
  const result = schema.safeParse(input)
  if (result.success) return result.data
  for (const issue of result.error.issues) addIssue(issue, schema, path, faults)
  return undefined
}

function addIssue(issue: z.core.$ZodIssue, schema: z.ZodType, path: string, faults: Faults): void {
  const at = [path, ...issue.path.map(String)].filter((part) => part !== "").join(".")
  if (issue.code !== "unrecognized_keys") {
    faults.add("option.invalid", at, issue.message, "See the option's documentation for what it takes.")
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

/** The known word within two edits, or the one that is the same in another case. */
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
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 3
}
