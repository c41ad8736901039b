import { sep } from "node:path"
import { fileURLToPath } from "node:url"

const HERE = fileURLToPath(import.meta.url)

/** How a command of this copy is run: by npm in the repository, by npx where it is installed. */
export const COMMAND_LINE: string = HERE.endsWith(["", "src", "cli", "command-line.ts"].join(sep))
  ? "npm run -s nightlatch --"
  : "npx nightlatch"

/** A sentence that names one of our commands, with the command as it works here. */
export function withOwnCommand(text: string): string {
  return text.replace(/\bnightlatch (?=(?:secret|keys|restore|move|migrate|user)\b)/g, `${COMMAND_LINE} `)
}
