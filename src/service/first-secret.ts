/**
 * A first start must work without reading a manual, and must never invent a secret where people's data will live. So a
 * secret is written only for a loopback origin, never in continuous integration, and only into a file that git ignores.
 * Everywhere else a missing secret refuses the start. Source: ASVS 13.3.1, 13.4.2.
 */
import { readFileSync } from "node:fs"
import { parseEnv } from "node:util"
import { writeFirstSecret } from "../checklist/secret/index.ts"
import { isLoopback } from "../core/loopback.ts"
import type { Faults } from "../core/misuse.ts"

export interface SecretInput {
  readonly given: unknown
  readonly origin: unknown
  readonly folder: string
  /** Whether one was named that could not be read, which is a fault already. */
  readonly told: boolean
  readonly continuousIntegration: boolean
  /** False when the start is refused anyway. */
  readonly mayWrite: boolean
  readonly faults: Faults
  readonly notes: string[]
}

/** The configured secret, or the one that was just written. */
export function provideSecret(input: SecretInput): unknown {
  if (input.given !== undefined || input.told) return input.given
  const url = typeof input.origin === "string" ? URL.parse(input.origin) : null
  const loopback = url !== null && isLoopback(url.hostname)
  const why = !loopback
    ? "there is no secret, and one is written by itself only for a loopback origin"
    : input.continuousIntegration
      ? "there is no secret, and none is written when CI is set"
      : undefined
  if (why !== undefined) {
    missing(input.faults, why)
    return undefined
  }
  if (!input.mayWrite) return undefined
  const result = writeFirstSecret(input.folder)
  if (result.kind === "refused") {
    missing(input.faults, `there is no secret, and none was written: ${result.why}`)
    return undefined
  }
  input.notes.push(
    result.ignored === "added"
      ? "Wrote a new secret to .env (mode 0600) and added .env to .gitignore."
      : "Wrote a new secret to .env (mode 0600).",
  )
  return parseEnv(readFileSync(result.path, "utf8")).NIGHTLATCH_SECRET
}

function missing(faults: Faults, problem: string): void {
  faults.add(
    "secret.missing",
    "NIGHTLATCH_SECRET",
    problem,
    "Make one with: nightlatch secret   and give it as NIGHTLATCH_SECRET=…, in .env or the environment, or as a file by NIGHTLATCH_SECRET_FILE.",
  )
}
