/** The rule as a reading of source texts, for the test: what avoids the tag or the executor is found. */
export interface Source {
  readonly path: string
  readonly text: string
}

export interface Inspection {
  readonly files: number
  /** Statements made by the tag. */
  readonly statements: number
  /** `path:line what is wrong`. */
  readonly violations: readonly string[]
}

/** The one file that may call the database. */
const EXECUTOR = "src/store/sqlite/executor.ts"
const DATABASE_CALL = /\.(?:prepare|exec)\(/g
const DRIVER = /["']node:sqlite["']/g
// Not preceded by an identifier character: `sql` itself, with its template.
const TAGGED = /(?<![\w.$])sql`((?:[^`\\]|\\.)*)`/g
const LITERAL = /`((?:[^`\\]|\\.)*)`|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/g
const LOOKS_LIKE_SQL =
  /^\s*(?:SELECT\s.+\sFROM\s|INSERT\s+(?:OR\s+\w+\s+)?INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|CREATE\s+(?:TABLE|INDEX|TRIGGER|UNIQUE)\s|DROP\s+(?:TABLE|INDEX)\s|ALTER\s+TABLE\s|PRAGMA\s+\w|BEGIN\s+(?:IMMEDIATE|EXCLUSIVE)|ATTACH\s|VACUUM|WITH\s+\w+\s+AS\s*\()/is

export function inspectSources(sources: readonly Source[]): Inspection {
  const violations: string[] = []
  let statements = 0
  for (const source of sources) {
    const text = withoutComments(source.text)
    const report = (index: number, problem: string) =>
      violations.push(`${source.path}:${lineAt(text, index)} ${problem}`)
    for (const match of text.matchAll(TAGGED)) {
      statements++
      if (match[1]?.includes("${")) report(match.index, "something is substituted into a statement")
    }
    const rest = text.replace(TAGGED, (whole) => " ".repeat(whole.length))
    for (const match of rest.matchAll(LITERAL)) {
      if (LOOKS_LIKE_SQL.test(match[1] ?? match[2] ?? match[3] ?? ""))
        report(match.index, "a statement that the sql tag did not make")
    }
    if (source.path === EXECUTOR) continue
    for (const match of rest.matchAll(DATABASE_CALL)) {
      // RegExp's exec is asked of a pattern: a literal, or a constant in capitals.
      const before = rest.slice(Math.max(0, match.index - 60), match.index)
      const ofPattern = match[0] === ".exec(" && (/[A-Z_]{3,}$/.test(before) || /\/[a-z]*$/.test(before))
      if (!ofPattern) report(match.index, "the database is called outside of the executor")
    }
    for (const match of rest.matchAll(DRIVER))
      report(match.index, "node:sqlite is imported outside of the executor")
  }
  return { files: sources.length, statements, violations }
}

/** Comments become blanks, so that lines keep their numbers. Strings are left as they are. */
function withoutComments(text: string): string {
  return text.replace(
    /`(?:[^`\\]|\\.)*`|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/[^\n]*/g,
    (match) => (match.startsWith("/*") || match.startsWith("//") ? match.replace(/[^\n]/g, " ") : match),
  )
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length
}
