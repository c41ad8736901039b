import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/**
 * Makes a folder of ours if it is missing: 0700, with a line that keeps it out of git. Password hashes and the inbox's key lie
 * there, and it does not wait for somebody's .gitignore.
 */
export function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (made !== undefined) writeFileSync(join(folder, ".gitignore"), "*\n", { mode: 0o600, flag: "wx" })
}
