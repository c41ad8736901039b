import { relative } from "node:path"
import { MisuseError } from "../core/misuse.ts"
import { withOwnCommand } from "./command-line.ts"

/** Wrong usage or configuration; anything else that fails is 1. */
export const MISUSE_EXIT = 2

/** A failure with a message for a person: no stack, exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError"
  readonly exitCode: number

  constructor(message: string, exitCode: number = 1) {
    super(message)
    this.exitCode = exitCode
  }
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Paint = (style: keyof typeof CODES, text: string) => string

/** Colours only for a terminal that wants them: https://no-color.org */
export function painter(stream: { isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): Paint {
  const on = stream.isTTY === true && (environment.NO_COLOR ?? "") === "" && environment.TERM !== "dumb"
  return (style, text) => (on ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text)
}

/** Control characters of foreign origin must not reach a terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd")
}

/** Who reads our output may stop in the middle (`| head`): then nobody wants the rest. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
    process.exit(process.exitCode ?? 0)
  })
}

/** A path as a person wrote it or would: from here when it is below, else whole. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path)
  return short.startsWith("..") ? path : short
}

export function print(line: string = ""): void {
  process.stdout.write(`${line}\n`)
}

/** Faults of a file that was named or of the database, and not of a setting. */
const NO_SETTING = /^(?:backup|import|move|store)\./

function headOf({ faults }: MisuseError): string {
  const setting = !faults.every(({ code }) => NO_SETTING.test(code))
  if (faults.length === 1) return setting ? "The configuration has a fault:" : "There is a fault:"
  return `${setting ? "The configuration has" : "There are"} ${faults.length} faults:`
}

/** Tells what went wrong on standard error and returns the exit code. */
export function report(error: unknown): number {
  const paint = painter(process.stderr)
  const write = (line: string) => process.stderr.write(`${line}\n`)
  if (error instanceof MisuseError) {
    write(paint("red", headOf(error)))
    for (const fault of error.faults) {
      write("")
      write(
        `  ${paint("bold", printable(fault.path))}: ${printable(fault.problem)} ${paint("dim", `[${fault.code}]`)}`,
      )
      write(`  ${paint("green", "→")} ${printable(withOwnCommand(fault.fix))}`)
    }
    return MISUSE_EXIT
  }
  if (error instanceof CommandError) {
    write(`${paint("red", "error:")} ${printable(error.message)}`)
    return error.exitCode
  }
  if (error instanceof Error && error.name === "UnavailableError") {
    const { reason, fix } = reasonOf(error.cause)
    write(`${paint("red", "error:")} ${printable(error.message + reason)}`)
    if (fix !== undefined) write(`  ${paint("green", "→")} ${printable(withOwnCommand(fix))}`)
    return 1
  }
  console.error(error)
  return 1
}

const DATABASE = "Look at NIGHTLATCH_DATABASE (or --database, --to, or the file of NIGHTLATCH_DATABASE_FILE)."

/** The failures of a first try, in words. Of PostgreSQL: https://www.postgresql.org/docs/15/errcodes-appendix.html */
const REASONS: Readonly<Record<string, readonly [reason: string, fix: string]>> = {
  ECONNREFUSED: ["nothing listens at its address", `Start the server, or mend host and port. ${DATABASE}`],
  ENOTFOUND: ["the name of its host is not known", DATABASE],
  EAI_AGAIN: ["the name of its host could not be looked up", DATABASE],
  ETIMEDOUT: ["its host does not answer", `A firewall between? ${DATABASE}`],
  "28000": ["the server does not take this role", `Make it, or mend the URL. ${DATABASE}`],
  "28P01": ["the server does not take this password", `In a URL it is percent-encoded. ${DATABASE}`],
  "3D000": ["there is no database of that name", `Make it (CREATE DATABASE …), or mend the URL. ${DATABASE}`],
  "42501": [
    "the role of the URL may not do this",
    "Use the URL of the role that owns the tables: nightlatch migrate --roles tells of both.",
  ],
}

/** What SQLite or the system says in fixed words: a whole message could hold a value. */
function reasonOf(cause: unknown): { readonly reason: string; readonly fix?: string } {
  const { errstr, code } = (typeof cause === "object" && cause !== null ? cause : {}) as Record<
    string,
    unknown
  >
  const told = typeof code === "string" ? REASONS[code] : undefined
  if (told !== undefined) return { reason: `: ${told[0]} (${code})`, fix: told[1] }
  const reason = errstr ?? code
  return { reason: typeof reason === "string" ? `: ${reason}` : "" }
}
