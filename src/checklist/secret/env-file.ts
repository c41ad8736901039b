/**
 * A first start on somebody's own machine must work without a manual, and must not put a secret where git picks it up.
 * The caller answers for the rest of the conditions: a loopback origin, and no continuous integration.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { isIgnored } from "./git-ignore.ts"
import { generateSecret } from "./options.ts"

export type FirstSecret =
  | {
      readonly kind: "written"
      readonly path: string
      /** Whether the line in `.gitignore` was there or is new; a new one is to be told. */
      readonly ignored: "already" | "added"
    }
  | { readonly kind: "refused"; readonly why: string }

const NAME = ".env"

/**
 * Writes `.env` with a new root secret, mode 0600, and only where git ignores it: when it would not, the line is added to
 * `.gitignore` first. An existing `.env` is never touched.
 */
export function writeFirstSecret(folder: string): FirstSecret {
  const path = join(folder, NAME)
  if (exists(path)) return refused(`there is already a ${NAME}, which is left as it is`)
  try {
    const already = isIgnored(folder, NAME)
    if (!already) {
      const why = addRule(join(folder, ".gitignore"))
      if (why !== undefined) return refused(why)
      if (!isIgnored(folder, NAME))
        return refused(`git would not ignore ${NAME} although .gitignore names it`)
    }
    writePrivate(path, `NIGHTLATCH_SECRET=${generateSecret()}\n`)
    return { kind: "written", path, ignored: already ? "already" : "added" }
  } catch (error) {
    // The code alone: a message of the system could hold more than a path.
    return refused(
      `the folder cannot be written (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`,
    )
  }
}

function refused(why: string): FirstSecret {
  return { kind: "refused", why }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** O_EXCL: of two starts at once one writes, and a link that somebody planted is not followed. */
function writePrivate(path: string, text: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } catch (error) {
    unlinkSync(path)
    throw error
  } finally {
    closeSync(file)
  }
}

/** @returns why not, or undefined when the line stands there */
function addRule(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isFile()) return ".gitignore is not a regular file"
  const text = found === undefined ? "" : readFileSync(path, "utf8")
  const separator = text === "" || text.endsWith("\n") ? "" : "\n"
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o644)
  try {
    writeSync(file, `${separator}${NAME}\n`)
  } finally {
    closeSync(file)
  }
  return undefined
}
