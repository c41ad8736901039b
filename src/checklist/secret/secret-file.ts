import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs"
import type { Faults } from "../../core/misuse.ts"

/** A secret is a line; a file of this size was named by mistake. */
const MOST_BYTES = 65_536

/** Anything for other users, and writing for the group. Reading by the group is how orchestrators hand a secret over. */
const FORBIDDEN_MODE = 0o027

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/**
 * The secret in a file, without the line end at its end: for every `*_FILE` setting. The mode is read from the opened
 * file, so that nobody swaps the file between look and read.
 * @returns undefined when there were faults; the content is in no message
 */
export function readSecretFile(path: string, faults: Faults): string | undefined {
  let file: number
  try {
    // Not blocking: a named pipe would otherwise hold the start until somebody writes into it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === "ENOENT"
    const problem = gone ? "there is no such file" : "the file cannot be opened"
    faults.add("secret.unreadable", path, problem, "Name a file that the user of the service can read.")
    return undefined
  }
  try {
    return readOpened(file, path, faults)
  } catch {
    faults.add("secret.unreadable", path, "the file cannot be read", "Name a regular file with one line.")
    return undefined
  } finally {
    closeSync(file)
  }
}

function readOpened(file: number, path: string, faults: Faults): string | undefined {
  const { mode, size } = fstatSync(file)
  if ((mode & constants.S_IFMT) !== constants.S_IFREG || size > MOST_BYTES) {
    faults.add(
      "secret.unreadable",
      path,
      "it is not a regular file of one line",
      "Name the file with the secret.",
    )
    return undefined
  }
  if (process.platform !== "win32" && (mode & FORBIDDEN_MODE) !== 0) {
    faults.add(
      "secret.readable",
      path,
      "other users of this machine can read or change it",
      `Run: chmod 600 ${path}   (Docker secrets: mode 0400; Kubernetes: defaultMode 0400)`,
    )
    return undefined
  }
  let text: string
  try {
    text = UTF8.decode(readFileSync(file))
  } catch {
    faults.add(
      "secret.encoding",
      path,
      "it is not UTF-8 text",
      "Write the secret as text, for example base64.",
    )
    return undefined
  }
  const secret = text.replace(/\r?\n$/, "")
  if (secret.trim() === "") {
    faults.add("secret.missing", path, "the file is empty", "Write the secret into it, one line.")
    return undefined
  }
  return secret
}
