import { readFileSync } from "node:fs"
import type { MisuseError } from "../../../core/misuse.ts"
import { UnavailableError } from "../../../core/unavailable.ts"
import { memberOf, refuseGone, vaultFault } from "./answers.ts"
import type { VaultLogin } from "./options.ts"
import type { VaultAnswer, VaultQuestion } from "./request.ts"

export type AskVault = (question: VaultQuestion) => Promise<VaultAnswer>

/** A token for reading, and what Vault said about its life. */
export interface VaultToken {
  readonly token: string
  readonly renewable: boolean
  /** When this life began, and how long it is; 0 never ends, or nobody told. */
  readonly since: number
  readonly lifeMs: number
}

/** When two thirds are over: one third is left for trying again, each minute. */
const RENEW_AFTER = 2 / 3

export function isDue({ since, lifeMs }: VaultToken, now: number): boolean {
  return lifeMs > 0 && now - since >= lifeMs * RENEW_AFTER
}

/** @throws MisuseError when Vault does not know whom it is asked by; UnavailableError when it does not answer */
export async function logIn(login: VaultLogin, ask: AskVault, now: number): Promise<VaultToken> {
  if (login.kind === "token") return lookUp(login.read(), ask, now)
  const { mount } = login
  const body =
    login.kind === "approle"
      ? { role_id: login.roleId, ...(login.read === undefined ? {} : { secret_id: login.read() }) }
      : { role: login.role, jwt: readJwt(login.jwtFile) }
  const answer = await ask({ method: "POST", path: `auth/${mount}/login`, body })
  refuseGone(answer)
  if (answer.status !== 200) throw notLoggedIn(login, answer.status)
  return tokenOf(answer, now)
}

/** A token that was handed over: how long it lives. Not every policy lets it ask; then it lives until it is refused. */
async function lookUp(token: string, ask: AskVault, now: number): Promise<VaultToken> {
  const answer = await ask({ method: "GET", path: "auth/token/lookup-self", token })
  refuseGone(answer)
  const ttl = answer.status === 200 ? memberOf(answer.body, "data", "ttl") : undefined
  return {
    token,
    since: now,
    lifeMs: typeof ttl === "number" ? ttl * 1000 : 0,
    renewable: memberOf(answer.body, "data", "renewable") === true,
  }
}

/** @returns undefined when it cannot be renewed, so that only another one helps */
export async function renewToken(
  known: VaultToken,
  ask: AskVault,
  now: number,
): Promise<VaultToken | undefined> {
  if (!known.renewable) return undefined
  const { token } = known
  const answer = await ask({ method: "POST", path: "auth/token/renew-self", token, body: {} })
  refuseGone(answer)
  return answer.status === 200 ? { ...tokenOf(answer, now), token } : undefined
}

function tokenOf({ body }: VaultAnswer, now: number): VaultToken {
  if (memberOf(body, "wrap_info", "token") !== undefined)
    throw vaultFault(
      "vault.wrapped",
      "vault",
      "Vault wraps what this role gets",
      "Give the role no wrapping.",
    )
  const token = memberOf(body, "auth", "client_token")
  const seconds = memberOf(body, "auth", "lease_duration")
  if (typeof token !== "string" || token === "")
    throw new UnavailableError("what answers is not Vault: there is no token in its answer")
  return {
    token,
    since: now,
    lifeMs: typeof seconds === "number" ? seconds * 1000 : 0,
    renewable: memberOf(body, "auth", "renewable") === true,
  }
}

function notLoggedIn(login: Exclude<VaultLogin, { kind: "token" }>, status: number): MisuseError {
  const { mount } = login
  if (status === 404) {
    const problem = `there is no way to log in at auth/${mount}`
    return vaultFault("vault.login", "vault.authMount", problem, "Name where it is enabled: vault auth list.")
  }
  return login.kind === "approle"
    ? vaultFault(
        "vault.login",
        "vault.secretId",
        `Vault does not accept the role id and secret id (${status}): one of them is wrong, used up, expired or bound to other addresses`,
        `Make a new secret id: vault write -f auth/${mount}/role/<role>/secret-id`,
      )
    : vaultFault(
        "vault.login",
        "vault.role",
        `Vault does not accept the service account for the role "${login.role}" (${status})`,
        `Compare its namespace and name: vault read auth/${mount}/role/${login.role}`,
      )
}

const MOST_BYTES = 16_384

/** Kubernetes writes it for everybody in the pod, and writes it anew before it ends. */
function readJwt(path: string): string {
  let jwt = ""
  try {
    jwt = readFileSync(path, "utf8").trim()
  } catch {
    // Told below.
  }
  if (jwt !== "" && jwt.length <= MOST_BYTES) return jwt
  throw vaultFault(
    "vault.jwt",
    "vault.jwtFile",
    `${path} cannot be read as a token`,
    "Mount a service account.",
  )
}
