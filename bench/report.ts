/** What the measurements share: how often, where, and how a ratio is told. */
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const PASSWORD = "violet kettle ninety moss"

const words = process.argv.slice(2)
const roundsAt = words.indexOf("--rounds")
export const ROUNDS: number = roundsAt < 0 ? 5 : Number(words[roundsAt + 1])
/** The parts that were asked for; all of them when there is none. */
export const ASKED: readonly string[] = words.filter(
  (word, index) => !word.startsWith("--") && index !== roundsAt + 1,
)
/** Removed at the end. */
export const folder: string = mkdtempSync(join(tmpdir(), "nightlatch-bench-"))

export interface Row {
  readonly what: string
  readonly value: string
  readonly gate: string
  readonly holds: boolean | undefined
}

/** What a child answers. */
export interface Value<T> {
  readonly value: T
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
export const spread = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`

export const between = (values: readonly number[]): string =>
  `${median(values).toFixed(2)} (${spread(values)})`

/** A figure without a gate. */
export const reported = (what: string, value: string): Row => ({ what, value, gate: "", holds: undefined })

export function ratio(what: string, values: readonly number[], gate: number, more: string = ""): Row {
  const value = median(values)
  return {
    what,
    value: `${between(values)}${more}`,
    gate: `≥ ${gate}`,
    holds: value >= gate,
  }
}
