/**
 * Reading what a client claims. One pass, no copy of the header, nothing decoded: a value is taken as it stands or not at
 * all, since a parser that unwraps quotes or decodes escapes sees another cookie than the one next to it.
 */

/** Longer than what Node takes for all headers together (16 KiB), so that only other runtimes reach it. */
const MOST_HEADER_CHARACTERS = 32_768

/** As long as an access token may be; a browser keeps half of it. */
const MOST_VALUE_CHARACTERS = 8192

const VALUE = /^[A-Za-z0-9._~-]+$/

const SPACE = 32
const TAB = 9
const UNDERSCORE = 95
const EQUALS = 61

export interface Pairs {
  /** The value of each wanted name; undefined when absent, malformed or sent twice. */
  readonly values: readonly (string | undefined)[]
  readonly duplicate: string | undefined
  readonly any: boolean
}

/** @param names each begins with an underscore, which lets other cookies be skipped at their first character */
export function readPairs(headers: readonly string[], names: readonly string[]): Pairs {
  const values: (string | undefined)[] = names.map(() => undefined)
  const seen: boolean[] = names.map(() => false)
  let duplicate: string | undefined
  let any = false
  let total = 0
  for (const header of headers) {
    total += header.length
    any ||= header.length > 0
    if (total > MOST_HEADER_CHARACTERS) return { values: names.map(() => undefined), duplicate, any: true }
    for (let start = 0; start < header.length; ) {
      const end = endOfPair(header, start)
      const index = nameAt(header, start, end, names)
      if (index >= 0) {
        if (seen[index]) duplicate ??= names[index]
        values[index] = seen[index] ? undefined : valueAt(header, start, end)
        seen[index] = true
      }
      start = end + 1
    }
  }
  return { values, duplicate, any }
}

/** A Cookie header line without every pair of that name. The same string when there is none. */
export function withoutCookie(header: string, name: string): string {
  if (!header.includes(name)) return header
  const kept: string[] = []
  let removed = false
  for (let start = 0; start <= header.length; ) {
    const end = endOfPair(header, start)
    if (nameAt(header, start, end, [name]) === 0) removed = true
    else kept.push(header.slice(start, end))
    start = end + 1
  }
  return removed ? kept.join(";").replace(/^[ \t]+/, "") : header
}

/**
 * The token of `Authorization: Bearer …`, the empty string when it is malformed, undefined for other schemes. Schemes are
 * compared without case (RFC 9110, section 11.1).
 */
export function readBearer(header: string): string | undefined {
  const scheme = /^[ \t]*bearer(?=[ \t,]|$)/i.exec(header)?.[0]
  if (scheme === undefined) return undefined
  return header.length > MOST_HEADER_CHARACTERS ? "" : (tokenIn(header, scheme.length, header.length) ?? "")
}

function endOfPair(header: string, start: number): number {
  const end = header.indexOf(";", start)
  return end < 0 ? header.length : end
}

/**
 * Which of the names this pair has, or -1. Only blanks and tabs are trimmed: a no-break space belongs to a name. The name
 * is compared before the equals sign is looked for, so that a header of many short pairs costs no more than its length.
 */
function nameAt(header: string, start: number, end: number, names: readonly string[]): number {
  const from = skipBlanks(header, start, end)
  if (header.charCodeAt(from) !== UNDERSCORE) return -1
  for (let index = 0; index < names.length; index++) {
    const name = names[index] ?? ""
    if (!header.startsWith(name, from)) continue
    const after = skipBlanks(header, from + name.length, end)
    if (after >= end || header.charCodeAt(after) === EQUALS) return index
  }
  return -1
}

function valueAt(header: string, start: number, end: number): string | undefined {
  const equals = header.indexOf("=", start)
  if (equals < 0 || equals >= end) return undefined
  return tokenIn(header, equals + 1, end)
}

/** What stands between two places without the blanks around it, if it can be a token. */
function tokenIn(text: string, start: number, end: number): string | undefined {
  const from = skipBlanks(text, start, end)
  let to = end
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  if (to - from > MOST_VALUE_CHARACTERS) return undefined
  const value = text.slice(from, to)
  return VALUE.test(value) ? value : undefined
}

function skipBlanks(text: string, start: number, end: number): number {
  let at = start
  while (at < end && isBlank(text.charCodeAt(at))) at++
  return at
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
