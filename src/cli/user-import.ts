import { readFileSync } from "node:fs"
import { open } from "node:fs/promises"
import { Faults } from "../core/misuse.ts"
import { openForImport } from "../service/administration.ts"
import {
  decode,
  FORMATS,
  type Format,
  formatOf,
  type ImportSummary,
  importFile,
  type RowSettings,
  readFirebaseParameters,
} from "../service/import/index.ts"
import { command } from "./command.ts"
import { CommandError, MISUSE_EXIT, painter, print, printable } from "./output.ts"
import { createProgress } from "./progress.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

export const importUsers: ReturnType<typeof command> = command({
  meta: {
    name: "import",
    description: "Take over the accounts of another system, with their password hashes",
  },
  args: {
    file: {
      type: "positional",
      required: true,
      description: "CSV with a header, or JSON; - is standard input",
    },
    format: {
      type: "string",
      valueHint: FORMATS.join("|"),
      description: "What the file is; else its name says it",
    },
    "dry-run": { type: "boolean", description: "Judge every row and write nothing" },
    strict: { type: "boolean", description: "Stop at the first row that cannot be taken" },
    verified: {
      type: "string",
      valueHint: "true|false",
      description: "Whether addresses were proved, for rows that do not say it",
    },
    firebase: {
      type: "string",
      valueHint: "file",
      description: "Firebase's password hash parameters, as its console shows them",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    const format = readFormat(args.file, args.format)
    const settings = readSettings(args.verified, args.firebase)
    const dryRun = args["dry-run"] === true
    // Before a database is made for a file that is not there.
    const bytes = args.file === "-" ? process.stdin : await openFile(args.file)
    const store = await openForImport(await configure({ database: args.database }), dryRun)
    const paint = painter(process.stderr)
    const progress = createProgress(process.stderr)
    try {
      const summary = await importFile({
        format,
        text: decode(bytes),
        store,
        dryRun,
        strict: args.strict === true,
        settings,
        onFault(line, why) {
          progress.clear()
          process.stderr.write(`${paint("yellow", `line ${line}:`)} ${printable(why)}\n`)
        },
        onProgress: ({ rows, created }) => progress.show(`${rows} rows read, ${created} imported`),
      })
      progress.clear()
      for (const line of summaryLines(summary, dryRun)) print(line)
      if (summary.bad > 0 || summary.stopped) process.exitCode = 1
    } catch (error) {
      progress.clear()
      throw readable(error)
    } finally {
      await store?.close()
    }
  },
})

function readFormat(file: string, given: string | undefined): Format {
  const format = given === undefined ? formatOf(file) : FORMATS.find((each) => each === given)
  if (format !== undefined) return format
  throw new CommandError(
    given === undefined
      ? `the name does not say what it is: give --format ${FORMATS.join(", ")}.`
      : `--format is one of ${FORMATS.join(", ")}.`,
    MISUSE_EXIT,
  )
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  try {
    const handle = await open(path)
    if ((await handle.stat()).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR", path })
    return handle.createReadStream()
  } catch (error) {
    throw readable(error)
  }
}

function readSettings(verified: string | undefined, firebase: string | undefined): RowSettings {
  if (verified !== undefined && verified !== "true" && verified !== "false")
    throw new CommandError("--verified takes true or false.", MISUSE_EXIT)
  const faults = new Faults()
  let parameters: RowSettings["firebase"]
  if (firebase !== undefined) {
    let text: string
    try {
      text = readFileSync(firebase, "utf8")
    } catch (error) {
      throw readable(error)
    }
    parameters = readFirebaseParameters(text, "--firebase", faults)
  }
  faults.throwIfAny()
  return { verified: verified === undefined ? undefined : verified === "true", firebase: parameters }
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EISDIR: "it is a folder",
  EACCES: "it may not be read",
}

/** What a file system says becomes a sentence; the rest stays what it is. */
function readable(error: unknown): unknown {
  const { code, path } = error as { code?: unknown; path?: unknown }
  const problem = typeof code === "string" ? FILE_ERRORS[code] : undefined
  return problem === undefined ? error : new CommandError(`${String(path)}: ${problem}.`, MISUSE_EXIT)
}

function summaryLines(summary: ImportSummary, dryRun: boolean): string[] {
  const { rows, created, taken, bad, withoutPassword, unused, stopped } = summary
  const done = dryRun ? "would be imported" : "imported"
  const lines = [`${rows} rows: ${created} ${done}, ${taken} already there, ${bad} not taken.`]
  if (withoutPassword > 0) {
    lines.push(
      `${withoutPassword} without a password, since the address was not proved: registering with it chooses one.`,
    )
  }
  if (unused.length > 0) lines.push(`Not used: ${unused.map(printable).join(", ")}.`)
  if (stopped) lines.push("Reading stopped there; once it is mended, the same file can be imported again.")
  return lines
}
