import { MOST_CHARACTERS } from "./csv.ts"

/** The text of one object of a file, with the line it begins on; or why it cannot be read. */
export type JsonPiece =
  | { readonly line: number; readonly text: string }
  | {
      readonly line: number
      readonly fault: string
      /** Nothing after it can be found. */
      readonly final: boolean
    }

const TOO_LONG = `it has more than ${MOST_CHARACTERS} characters`
/** An array, or what `firebase auth:export` writes: an object with an array `users`. */
const BEGINNING = /^\s*(?:\[|\{\s*"users"\s*:\s*\[)/
const MOST_BEGINNING = 200

type Where = "before" | "first" | "element" | "between" | "next" | "after"

/**
 * Cuts the array of a JSON text into its elements without holding it whole; each is judged as JSON by whoever reads it.
 * What stands between them is strict: one comma, nothing after the end.
 */
class ArrayReader {
  #where: Where = "before"
  #line = 1
  #began = 1
  #text = ""
  #tooLong = false
  #depth = 0
  #inString = false
  #escaped = false
  #closing = ""

  push(text: string): JsonPiece[] {
    const found: JsonPiece[] = []
    for (const character of text) {
      if (this.#where === "after" && this.#closing === "lost") break
      const piece = this.#take(character)
      if (piece !== undefined) found.push(piece)
      if (character === "\n") this.#line++
    }
    return found
  }

  end(): JsonPiece[] {
    if (this.#where === "after" && (this.#closing === "" || this.#closing === "lost")) return []
    return [this.#lose("the array does not end")]
  }

  #take(character: string): JsonPiece | undefined {
    switch (this.#where) {
      case "before":
        return this.#begin(character)
      case "element":
        return this.#collect(character)
      case "first":
      case "next":
        if (isBlank(character)) return undefined
        if (character === "]" && this.#where === "first") return this.#close()
        if (character !== "{") return this.#lose("no object stands where one belongs")
        this.#began = this.#line
        this.#text = ""
        this.#tooLong = false
        this.#where = "element"
        return this.#collect(character)
      case "between":
        if (isBlank(character)) return undefined
        if (character === "]") return this.#close()
        if (character !== ",") return this.#lose("no comma stands between two objects")
        this.#where = "next"
        return undefined
      case "after":
        if (isBlank(character)) return undefined
        if (character !== this.#closing) return this.#lose("something stands behind the end of the array")
        this.#closing = ""
        return undefined
    }
  }

  #begin(character: string): JsonPiece | undefined {
    this.#text += character
    if (BEGINNING.test(this.#text)) {
      this.#closing = this.#text.includes("{") ? "}" : ""
      this.#where = "first"
    } else if (this.#text.length > MOST_BEGINNING) {
      return this.#lose("it does not begin with an array of objects")
    }
    return undefined
  }

  #collect(character: string): JsonPiece | undefined {
    if (this.#text.length >= MOST_CHARACTERS) this.#tooLong = true
    else this.#text += character
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (character === "\\") this.#escaped = true
      else if (character === '"') this.#inString = false
      return undefined
    }
    if (character === '"') this.#inString = true
    else if (character === "{" || character === "[") this.#depth++
    else if (character === "}" || character === "]") this.#depth--
    if (this.#depth > 0) return undefined
    this.#where = "between"
    return this.#tooLong
      ? { line: this.#began, fault: TOO_LONG, final: false }
      : { line: this.#began, text: this.#text }
  }

  #close(): undefined {
    this.#where = "after"
    return undefined
  }

  #lose(fault: string): JsonPiece {
    this.#where = "after"
    this.#closing = "lost"
    return { line: this.#line, fault, final: true }
  }
}

function isBlank(character: string): boolean {
  return character === " " || character === "\n" || character === "\r" || character === "\t"
}

export async function* readJsonArray(pieces: AsyncIterable<string>): AsyncGenerator<JsonPiece> {
  const reader = new ArrayReader()
  for await (const piece of pieces) yield* reader.push(piece)
  yield* reader.end()
}

/** One object a line; empty lines are passed over. */
export async function* readJsonLines(pieces: AsyncIterable<string>): AsyncGenerator<JsonPiece> {
  let line = 1
  let text = ""
  let tooLong = false
  const finish = (): JsonPiece | undefined => {
    const piece = tooLong
      ? { line, fault: TOO_LONG, final: false }
      : text.trim() === ""
        ? undefined
        : { line, text }
    text = ""
    tooLong = false
    return piece
  }
  for await (const piece of pieces) {
    for (const [index, part] of piece.split("\n").entries()) {
      if (index > 0) {
        const found = finish()
        if (found !== undefined) yield found
        line++
      }
      tooLong ||= text.length + part.length > MOST_CHARACTERS
      if (!tooLong) text += part
    }
  }
  const last = finish()
  if (last !== undefined) yield last
}
