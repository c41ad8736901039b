/**
 * https by the service itself: the certificate of two files, taken up anew when they change, without a dropped connection.
 */
import { readFileSync, statSync } from "node:fs"
import type { Server } from "node:https"
import { resolve } from "node:path"
import type { SecureContextOptions } from "node:tls"
import * as z from "zod"
import { judgeCertificate } from "../checklist/https/index.ts"
import type { Logger } from "../core/logger.ts"
import { Faults, readBySchema } from "../core/misuse.ts"

/** Others could speak in our name. The group may read: certificates often belong to one of their own. */
const KEY_FORBIDDEN_MODE = 0o027

/** How soon changed files are noticed; they are read when two looks have found the same. */
const LOOK_MS = 5_000

/** Others hold connections open without ever saying hello. Node waits for two minutes. */
export const HANDSHAKE_MS = 10_000

export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  /** Port for plain http, where pages are led to https and everything else is refused; undefined: there is none. */
  readonly redirectPort: number | undefined
}

export interface LoadedTls {
  readonly context: SecureContextOptions
  /** In milliseconds since 1970. */
  readonly endsAt: number
}

const SCHEMA = z.strictObject({
  certificate: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  redirectPort: z.int().min(0).max(65535).optional(),
})

/** Paths are relative to the folder. */
export function readTlsFiles(input: unknown, folder: string, faults: Faults): TlsFiles | undefined {
  if (input === undefined) return undefined
  const read = readBySchema(SCHEMA, input, "tls", faults)
  if (read === undefined) return undefined
  const { certificate, key, redirectPort } = read
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? "tls.certificate" : "tls.key"
    faults.add("https.half", missing, "https needs a certificate and its key", "Name both files, or none.")
    return undefined
  }
  return { certificate: resolve(folder, certificate), key: resolve(folder, key), redirectPort }
}

/** @returns undefined when there was a fault */
export function loadTls(files: TlsFiles, origin: URL, now: number, faults: Faults): LoadedTls | undefined {
  const cert = readPem(files.certificate, "tls.certificate", faults)
  const key = readPem(files.key, "tls.key", faults)
  if (cert === undefined || key === undefined) return undefined
  if (process.platform !== "win32" && (statSync(files.key).mode & KEY_FORBIDDEN_MODE) !== 0) {
    const problem = "other users of this machine can read or change the private key"
    faults.add("https.key_readable", "tls.key", problem, `Run: chmod 600 ${files.key}`)
    return undefined
  }
  const where = { certificate: "tls.certificate", key: "tls.key" }
  const endsAt = judgeCertificate({ certificate: cert, key, hostname: origin.hostname, now }, where, faults)
  return endsAt === undefined ? undefined : { context: { cert, key }, endsAt }
}

function readPem(path: string, named: string, faults: Faults): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error"
    const fix = "Name a PEM file that the user of the service can read."
    faults.add("https.unreadable", named, `${path} cannot be read (${code})`, fix)
    return undefined
  }
}

/**
 * Looks at the files every five seconds. A pair that is not good is told once and the old one stays, so that a renewal that
 * went wrong takes nothing away before its time.
 * @returns when the certificate in use ends, and what ends the watch
 */
export function watchTls(input: {
  readonly files: TlsFiles
  readonly origin: URL
  readonly loaded: LoadedTls
  readonly server: Pick<Server, "setSecureContext">
  readonly logger: Logger
}): { endsAt(): number; stop(): void } {
  const { files, origin, server, logger } = input
  let { endsAt } = input.loaded
  let used = stampOf(files)
  let seen = used

  function look(): void {
    const found = stampOf(files)
    const settled = found === seen
    seen = found
    // Renewals write one file after the other.
    if (found === used || !settled) return
    used = found
    const faults = new Faults()
    const loaded = loadTls(files, origin, Date.now(), faults)
    if (loaded === undefined) {
      const codes = faults.list.map(({ code, problem }) => `${code}: ${problem}`)
      logger.error({ faults: codes }, "the new certificate is not usable; the old one stays in use")
      return
    }
    server.setSecureContext(loaded.context)
    endsAt = loaded.endsAt
    logger.info({ validUntil: new Date(endsAt).toISOString() }, "a new certificate is in use")
  }

  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  return { endsAt: () => endsAt, stop: () => clearInterval(timer) }
}

/** What changes when a file does, links followed. */
function stampOf({ certificate, key }: TlsFiles): string {
  return [certificate, key]
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false })
      return found === undefined ? "none" : `${found.ino} ${found.size} ${found.mtimeMs}`
    })
    .join(", ")
}
