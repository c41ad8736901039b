/**
 * What systemd hands over (LoadCredential=, LoadCredentialEncrypted=, SetCredential=): files in a folder that no other service
 * and no other user can read, named `nightlatch-secret` for NIGHTLATCH_SECRET and so on, for every setting that has a `_FILE`.
 * Source: systemd.exec(5), CREDENTIALS.
 */
import { readdirSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { type Faults, nearest } from "../../core/misuse.ts"
import { SETTINGS } from "../settings.ts"

const PREFIX = "nightlatch-"

interface Credential {
  /** For a message. */
  readonly name: string
  readonly path: string
}

const KNOWN: ReadonlyMap<string, string> = new Map(
  SETTINGS.filter((row) => row.secret).map(({ variable }) => [nameOf(variable), variable]),
)

/** `NIGHTLATCH_SMTP_URL` → `nightlatch-smtp-url`. */
function nameOf(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-")
}

/** @returns by the variable that they stand for */
export function credentialsIn(folder: string | undefined, faults: Faults): ReadonlyMap<string, Credential> {
  const found = new Map<string, Credential>()
  if (folder === undefined || folder === "") return found
  for (const name of namesIn(folder, faults)) {
    if (!name.startsWith(PREFIX)) continue
    const variable = KNOWN.get(name)
    if (variable !== undefined) {
      found.set(variable, { name: `the credential ${name}`, path: join(folder, name) })
      continue
    }
    const near = nearest(name, [...KNOWN.keys()])
    const fix = near === undefined ? `Known are ${[...KNOWN.keys()].join(", ")}.` : `Did you mean ${near}?`
    faults.add("configuration.unknown", `the credential ${name}`, "there is no such setting", fix)
  }
  return found
}

function namesIn(folder: string, faults: Faults): readonly string[] {
  try {
    if (isAbsolute(folder)) return readdirSync(folder)
  } catch {
    // Told below.
  }
  faults.add(
    "configuration.credentials",
    "CREDENTIALS_DIRECTORY",
    "it names a folder that cannot be read",
    "Start the service by systemd, which makes it, or unset the variable.",
  )
  return []
}
