import { createHash } from "node:crypto"
import type { Kind, Table } from "./tables.ts"

type Row = Readonly<Record<string, unknown>>
/** One value as JSON has it, the same whichever engine it came from; also what an insert takes. */
type Plain = string | number | boolean | null | object

const MODULUS = 1n << 128n

/** A row as an object of plain values, in the order of the table's columns. */
export function plainRow(table: Table, row: Row): Record<string, Plain> {
  return Object.fromEntries(
    Object.entries(table.columns).map(([column, kind]) => [column, plainValue(kind, row[column])]),
  )
}

function plainValue(kind: Kind, value: unknown): Plain {
  if (value === null || value === undefined) return null
  switch (kind) {
    case "bytes":
      return Buffer.from(value as Uint8Array).toString("hex")
    case "flag":
      return value === 1 || value === true
    case "json":
      return sorted(typeof value === "string" ? JSON.parse(value) : value)
    case "number":
      return Number(value)
    case "text":
      return String(value)
  }
}

/** PostgreSQL keeps members in an order of its own. */
function sorted(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value as Plain
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, each]) => [name, sorted(each)]))
}

/** Sums up rows in whatever order they come: their number, and 128 bits of the SHA-256 of each, added. */
export class Checksum {
  #rows = 0
  #sum = 0n

  add(row: Record<string, Plain>): void {
    this.#rows++
    const digest = createHash("sha256").update(JSON.stringify(row)).digest()
    this.#sum = (this.#sum + digest.readBigUInt64BE(0) * (1n << 64n) + digest.readBigUInt64BE(8)) % MODULUS
  }

  get rows(): number {
    return this.#rows
  }

  toString(): string {
    return `${this.#rows} rows, ${this.#sum.toString(16).padStart(32, "0")}`
  }
}
