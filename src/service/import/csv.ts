/** A record of a file, with the line it begins on; or why it cannot be read. */
export type CsvRecord =
  | { readonly line: number; readonly fields: readonly string[] }
  | { readonly line: number; readonly fault: string }

/** More than any row of ours needs; what an unclosed quote may swallow. */
export const MOST_CHARACTERS = 16_384

type Where = "start" | "bare" | "quoted" | "closed" | "lost"

/**
 * CSV as RFC 4180 has it: commas, double quotes, doubled inside. Lines end in LF or CRLF, empty ones are passed over.
 * Nothing is guessed or trimmed: a quote in the wrong place is a fault of its row, and reading goes on in the next line.
 */
class CsvReader {
  #where: Where = "start"
  #line = 1
  #began = 1
  #size = 0
  #field = ""
  #fields: string[] = []
  #sawReturn = false

  push(text: string): CsvRecord[] {
    const found: CsvRecord[] = []
    for (let at = 0; at < text.length; at++) {
      const record = this.#take(text[at] ?? "")
      if (record !== undefined) found.push(record)
    }
    return found
  }

  end(): CsvRecord[] {
    if (this.#sawReturn || this.#where === "quoted") return [this.#lose("a quote or a line is not closed")]
    const record = this.#endRecord()
    return record === undefined ? [] : [record]
  }

  #take(character: string): CsvRecord | undefined {
    const newline = character === "\n"
    if (newline) this.#line++
    if (this.#where === "lost") {
      if (newline) this.#begin()
      return undefined
    }
    if (++this.#size > MOST_CHARACTERS)
      return this.#lose(`it has more than ${MOST_CHARACTERS} characters; a quote may not be closed`, newline)
    if (this.#where === "quoted") {
      if (character === '"') this.#where = "closed"
      else this.#field += character
      return undefined
    }
    if (newline) return this.#endRecord()
    if (this.#sawReturn) return this.#lose("a carriage return stands inside it")
    if (character === "\r") {
      this.#sawReturn = true
      return undefined
    }
    if (character === ",") {
      this.#endField()
      return undefined
    }
    return this.#takeInside(character)
  }

  #takeInside(character: string): CsvRecord | undefined {
    if (character === '"') {
      if (this.#where === "bare") return this.#lose("a quote stands inside a field that is not quoted")
      if (this.#where === "closed") this.#field += '"'
      this.#where = "quoted"
      return undefined
    }
    if (this.#where === "closed") return this.#lose("something stands behind a closed quote")
    this.#where = "bare"
    this.#field += character
    return undefined
  }

  #endField(): void {
    this.#fields.push(this.#field)
    this.#field = ""
    this.#where = "start"
  }

  #endRecord(): CsvRecord | undefined {
    const isEmpty = this.#fields.length === 0 && this.#where === "start"
    const line = this.#began
    this.#endField()
    const fields = this.#fields
    this.#begin()
    return isEmpty ? undefined : { line, fields }
  }

  /** @param atNewline the line that is lost ends here already */
  #lose(fault: string, atNewline: boolean = false): CsvRecord {
    const line = this.#began
    this.#begin()
    if (!atNewline) this.#where = "lost"
    return { line, fault }
  }

  #begin(): void {
    this.#where = "start"
    this.#began = this.#line
    this.#size = 0
    this.#field = ""
    this.#fields = []
    this.#sawReturn = false
  }
}

export async function* readCsv(pieces: AsyncIterable<string>): AsyncGenerator<CsvRecord> {
  const reader = new CsvReader()
  for await (const piece of pieces) yield* reader.push(piece)
  yield* reader.end()
}
