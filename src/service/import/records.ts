import { parseStrictJson } from "../../core/json.ts"
import { type Faults, nearest } from "../../core/misuse.ts"
import { readCsv } from "./csv.ts"
import { readJsonArray, readJsonLines } from "./json.ts"
import { COLUMNS, columnOf } from "./row.ts"

export const FORMATS = ["csv", "json", "jsonl"] as const
export type Format = (typeof FORMATS)[number]

/** One account of a file by column, or why its record cannot be read. */
export type FileRecord =
  | { readonly line: number; readonly values: Readonly<Record<string, unknown>> }
  | { readonly line: number; readonly fault: string; readonly final?: boolean }

/** Names that were passed over, for the summary; bounded, since a file may have any. */
export type Unused = Set<string>

const MOST_UNUSED = 20

/** By the end of the name; undefined when it says nothing. */
export function formatOf(path: string): Format | undefined {
  const end = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase()
  return end === "ndjson" ? "jsonl" : FORMATS.find((format) => format === end)
}

/** Ill-formed UTF-8 becomes U+FFFD, so that only its row is lost; a byte order mark is dropped. */
export async function* decode(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8")
  for await (const piece of bytes) yield decoder.decode(piece, { stream: true })
  yield decoder.decode()
}

/**
 * The accounts of a file, one by one.
 * @param unused is filled with the names that are no columns
 * @throws MisuseError `import.column` for a header that cannot be meant
 */
export async function* readRecords(
  format: Format,
  text: AsyncIterable<string>,
  unused: Unused,
  faults: Faults,
): AsyncGenerator<FileRecord> {
  if (format === "csv") {
    yield* readCsvRecords(text, unused, faults)
    return
  }
  for await (const piece of format === "json" ? readJsonArray(text) : readJsonLines(text)) {
    if (!("text" in piece)) {
      yield piece
      continue
    }
    const value = parseStrictJson(piece.text)
    if (value === undefined || Array.isArray(value))
      yield { line: piece.line, fault: "it is not one JSON object, without a member that comes twice" }
    else yield byColumn(piece.line, Object.entries(value as object), unused)
  }
}

async function* readCsvRecords(
  text: AsyncIterable<string>,
  unused: Unused,
  faults: Faults,
): AsyncGenerator<FileRecord> {
  let header: readonly string[] | undefined
  for await (const record of readCsv(text)) {
    if ("fault" in record) {
      if (header === undefined) faults.add("import.column", `line ${record.line}`, record.fault, WRITE_HEADER)
      faults.throwIfAny()
      yield record
    } else if (header === undefined) {
      header = record.fields
      checkHeader(header, faults)
    } else if (record.fields.length !== header.length) {
      const fault = `it has ${record.fields.length} columns where the header has ${header.length}`
      yield { line: record.line, fault }
    } else {
      const names = header
      const values = record.fields.map((field, index) => [names[index] ?? "", field] as const)
      yield byColumn(record.line, values, unused)
    }
  }
  if (header === undefined) checkHeader([], faults)
}

const WRITE_HEADER = `Begin with a line of names, separated by commas: ${Object.keys(COLUMNS).join(",")}; email is enough.`

/** A misspelt column would be left out in silence. */
function checkHeader(header: readonly string[], faults: Faults): void {
  const columns = header.map(columnOf)
  if (!columns.includes("email"))
    faults.add("import.column", "line 1", "the header has no column email", WRITE_HEADER)
  for (const [index, column] of columns.entries()) {
    if (column !== undefined && columns.indexOf(column) < index)
      faults.add("import.column", "line 1", `the column ${column} is there twice`, "Keep one of them.")
    const near = column === undefined ? nearest(header[index] ?? "", Object.keys(COLUMNS)) : undefined
    if (near !== undefined)
      faults.add("import.column", "line 1", `there is no column ${header[index]}`, `Did you mean ${near}?`)
  }
  faults.throwIfAny()
}

function byColumn(
  line: number,
  entries: readonly (readonly [string, unknown])[],
  unused: Unused,
): FileRecord {
  const values: Record<string, unknown> = {}
  for (const [name, value] of entries) {
    const column = columnOf(name)
    if (column === undefined) {
      if (unused.size < MOST_UNUSED) unused.add(name)
    } else if (column in values) {
      return { line, fault: `${column} is there twice` }
    } else {
      values[column] = value
    }
  }
  return { line, values }
}
