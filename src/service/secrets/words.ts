/** Characters that mean something to a shell. Nothing here reads them, so unquoted ones are a misunderstanding. */
const FOR_A_SHELL = /[|&;<>()$`*?[\]#~!{}]/

export type Words =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "wrong"; readonly why: string }

/**
 * A command line as words: blanks between them, `'…'` as it stands, `"…"` with `\"` and `\\`, a backslash before any other
 * character. No variables, no patterns, no pipes: nothing in it is ever more than one word of the program it names.
 */
export function readWords(line: string): Words {
  const words: string[] = []
  let word: string | undefined
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ""
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (character === "'" || character === '"') {
      const end = endOfQuote(line, at)
      if (end < 0) return { kind: "wrong", why: `a quote ${character} is not closed` }
      const inside = line.slice(at + 1, end)
      word = (word ?? "") + (character === "'" ? inside : inside.replace(/\\(["\\])/g, "$1"))
      at = end
    } else if (character === "\\") {
      if (at + 1 === line.length) return { kind: "wrong", why: "it ends with a backslash" }
      word = (word ?? "") + line[++at]
    } else if (FOR_A_SHELL.test(character)) {
      return { kind: "wrong", why: `it holds ${character} outside of quotes, and no shell reads it` }
    } else {
      word = (word ?? "") + character
    }
  }
  if (word !== undefined) words.push(word)
  if ((words[0] ?? "") === "") return { kind: "wrong", why: "it names no program" }
  return { kind: "words", words }
}

/** Where the quote that opens at a place closes; -1 when it does not. */
function endOfQuote(line: string, open: number): number {
  const quote = line[open]
  for (let at = open + 1; at < line.length; at++) {
    if (quote === '"' && line[at] === "\\") at++
    else if (line[at] === quote) return at
  }
  return -1
}
