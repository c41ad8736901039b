/** Deeper nesting than any request of ours needs. */
const MAX_DEPTH = 32

/**
 * Strict JSON of an object or array: RFC 8259 grammar, no duplicate members (which of two would win is a parser's
 * secret), no `__proto__`, bounded depth. Source: RFC 8725, section 2.7; ASVS 1.5.3, 15.3.6.
 * @returns the value, or undefined when the text is not acceptable
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return typeof value === "object" && value !== null && isUnambiguous(text) ? value : undefined
}

/** Strict UTF-8 first: ill-formed bytes are refused, never replaced. A byte order mark is refused too. */
export function parseStrictJsonBytes(bytes: Uint8Array): unknown {
  let text: string
  try {
    text = UTF8.decode(bytes)
  } catch {
    return undefined
  }
  return parseStrictJson(text)
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** One pass over text that is known to be JSON: member names per open object, and the depth. */
function isUnambiguous(text: string): boolean {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === "{" || character === "[") {
      if (open.push(character === "{" ? new Set() : undefined) > MAX_DEPTH) return false
    } else if (character === "}" || character === "]") {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      const members = open.at(-1)
      if (members !== undefined && isMemberName(text, end)) {
        const name = JSON.parse(text.slice(at, end + 1)) as string
        if (name === "__proto__" || members.has(name)) return false
        members.add(name)
      }
      at = end
    }
  }
  return true
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === "\\" ? 2 : 1
  return at
}

function isMemberName(text: string, end: number): boolean {
  let at = end + 1
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++
  return text[at] === ":"
}
