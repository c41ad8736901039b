import { parseStrictJsonBytes } from "../../core/json.ts"

/** As request header; lower case, as checks ask for it. */
export const HEADER = "x-nightlatch-bot-check"

/** A header has room for 16 KiB with all others; the longest tokens known have about 4,000 characters. */
const LONGEST = 8_192

/** Base64 with its padding (RFC 4648, section 4), in the one way that encodes these bytes. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * The members of an answer: base64 of a JSON object, strict all the way.
 * @returns undefined when it is anything else
 */
export function readAnswer(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.length > LONGEST || !BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, "base64")
  if (bytes.toString("base64") !== text) return undefined
  const read = parseStrictJsonBytes(bytes)
  return typeof read === "object" && read !== null && !Array.isArray(read)
    ? (read as Readonly<Record<string, unknown>>)
    : undefined
}

export function writeAnswer(members: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(members)).toString("base64")
}
