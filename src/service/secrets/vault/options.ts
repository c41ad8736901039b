import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import * as z from "zod"
import { isLoopback } from "../../../core/loopback.ts"
import { type Faults, readBySchema } from "../../../core/misuse.ts"

export type VaultLogin =
  /** `read` answers the token of now. */
  | { readonly kind: "token"; readonly read: () => string }
  | {
      readonly kind: "approle"
      readonly mount: string
      readonly roleId: string
      readonly read: (() => string) | undefined
    }
  | { readonly kind: "kubernetes"; readonly mount: string; readonly role: string; readonly jwtFile: string }

/** Where the secret lies and how one gets there. */
export interface VaultPolicy {
  readonly address: URL
  readonly mount: string
  readonly path: string
  readonly field: string
  readonly namespace: string | undefined
  /** Certificates that are trusted instead of the system's, PEM. */
  readonly ca: string | undefined
  readonly login: VaultLogin
}

/** Where Kubernetes puts the token of a pod's service account. */
const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"

const text = z.string().min(1)
/** As it stands in an address: nothing that a path or a query could be made of. */
const place = z
  .string()
  .regex(
    /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/,
    "it is not names of letters, digits, . _ - with / between them",
  )
const header = z
  .string()
  .regex(/^[\x21-\x7e]{1,4096}$/, "it has blanks or characters that a header cannot carry")

const SCHEMA = z.strictObject({
  address: z.string("it is missing, or not a text"),
  mount: place.default("secret"),
  path: place,
  field: text.default("secret"),
  namespace: place.optional(),
  ca: text.optional(),
  token: header.optional(),
  roleId: text.optional(),
  secretId: text.optional(),
  role: text.optional(),
  authMount: place.optional(),
  jwtFile: text.optional(),
})

/** Reads a value of these settings anew, where it stands in a file. */
export type ReadAnew = (key: "vault.token" | "vault.secretId") => (() => string) | undefined

/** @returns undefined when there were faults */
export function readVault(
  input: unknown,
  folder: string,
  readAnew: ReadAnew,
  faults: Faults,
): VaultPolicy | undefined {
  const before = faults.list.length
  const read = readBySchema(SCHEMA, input, "vault", faults)
  if (read === undefined) return undefined
  const address = readAddress(read.address, faults)
  const ca = read.ca === undefined ? undefined : readCa(resolve(folder, read.ca), faults)
  const login = readLogin(read, folder, readAnew, faults)
  if (address === undefined || login === undefined || faults.list.length > before) return undefined
  const { mount, path, field, namespace } = read
  return { address, mount, path, field, namespace, ca, login }
}

function readAddress(input: string, faults: Faults): URL | undefined {
  const url = URL.parse(input)
  const path = "vault.address"
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== input.replace(/\/$/, "")) {
    const problem = "it is not scheme, host and port"
    faults.add("vault.address", path, problem, "Write it like https://vault.example.com:8200.")
    return undefined
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    const problem = "the secrets would cross the network in clear"
    faults.add("vault.plain", path, problem, "Write it with https; plain http is for a loopback address.")
    return undefined
  }
  return url
}

function readCa(path: string, faults: Faults): string | undefined {
  try {
    const pem = readFileSync(path, "utf8")
    if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem
  } catch {
    // Told below.
  }
  faults.add("vault.ca", "vault.ca", "it is not a readable file of certificates", "Name a PEM file.")
  return undefined
}

function readLogin(
  read: z.output<typeof SCHEMA>,
  folder: string,
  readAnew: ReadAnew,
  faults: Faults,
): VaultLogin | undefined {
  const { token, roleId, secretId, role, authMount, jwtFile } = read
  const ways = [token, roleId, role].filter((way) => way !== undefined)
  if (ways.length !== 1) {
    const problem = ways.length === 0 ? "nothing says how to log in" : "there is more than one way to log in"
    faults.add(
      "vault.login",
      "vault",
      problem,
      "Set one: vault.token (NIGHTLATCH_VAULT_TOKEN_FILE), vault.roleId with vault.secretId (AppRole), or vault.role (Kubernetes).",
    )
    return undefined
  }
  const foreign = [
    ...(roleId === undefined && secretId !== undefined ? ["vault.secretId"] : []),
    ...(role === undefined && jwtFile !== undefined ? ["vault.jwtFile"] : []),
    ...(token !== undefined && authMount !== undefined ? ["vault.authMount"] : []),
  ]
  for (const path of foreign)
    faults.add("vault.login", path, "it belongs to another way to log in", "Remove it.")
  if (token !== undefined) return { kind: "token", read: readAnew("vault.token") ?? (() => token) }
  if (roleId !== undefined) {
    const fixed = secretId === undefined ? undefined : () => secretId
    return {
      kind: "approle",
      mount: authMount ?? "approle",
      roleId,
      read: readAnew("vault.secretId") ?? fixed,
    }
  }
  const file = resolve(folder, jwtFile ?? SERVICE_ACCOUNT)
  return { kind: "kubernetes", mount: authMount ?? "kubernetes", role: role ?? "", jwtFile: file }
}
