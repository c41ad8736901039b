import { MisuseError } from "./misuse.ts"

/** An SQL text that stands word for word in a source file. Only `sql` makes one. */
export interface Statement {
  readonly text: string
}

const written = new WeakSet<Statement>()

/**
 * The only way to a statement: a template without substitutions. Values travel as parameters, so no input ever becomes
 * part of a text. A template object is frozen and has `raw`, which a plain call with an array does not imitate by accident.
 * @throws MisuseError when anything is substituted, or when it is not used as a template tag
 */
export function sql(strings: TemplateStringsArray, ...substitutions: readonly never[]): Statement {
  if (
    strings.length !== 1 ||
    substitutions.length > 0 ||
    !Object.isFrozen(strings) ||
    !Object.isFrozen(strings.raw)
  ) {
    throw new MisuseError([
      {
        code: "sql.built",
        path: "sql",
        problem: "an SQL statement is a fixed text; nothing may be substituted into it",
        fix: "Write ? (SQLite) or $1 (PostgreSQL) in the text and pass the value as a parameter.",
      },
    ])
  }
  const statement = Object.freeze({ text: strings[0] ?? "" })
  written.add(statement)
  return statement
}

/** Whether `sql` made this very value; executors run nothing else. */
export function isStatement(value: unknown): value is Statement {
  return typeof value === "object" && value !== null && written.has(value as Statement)
}

/**
 * For executors.
 * @returns the very statement
 * @throws MisuseError `sql.built` for whatever `sql` did not make
 */
export function requireStatement(value: Statement): Statement {
  if (isStatement(value)) return value
  throw new MisuseError([
    {
      code: "sql.built",
      path: "sql",
      problem: "a text that the sql tag did not make was handed to the database",
      fix: "Write the statement with the sql tag and pass values as parameters.",
    },
  ])
}
