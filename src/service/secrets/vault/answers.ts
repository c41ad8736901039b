import { MisuseError } from "../../../core/misuse.ts"
import { UnavailableError } from "../../../core/unavailable.ts"
import type { VaultAnswer } from "./request.ts"

/** What is wrong on Vault's side, by the status alone: an answer is nothing that a log may repeat. */
const GONE: Readonly<Record<number, string>> = {
  412: "Vault has not yet replicated what this token may read",
  429: "Vault refuses for too many requests",
  472: "this Vault is a replica for disaster recovery, which answers nothing",
  473: "this Vault is a standby for performance, which does not answer",
  500: "Vault has an inner error",
  501: "Vault is not initialised",
  502: "something between here and Vault does not reach it",
  503: "Vault is sealed or being maintained",
  504: "something between here and Vault does not reach it",
}

/** @throws UnavailableError for whatever may be otherwise in a minute */
export function refuseGone({ status, body }: VaultAnswer): void {
  if (status >= 300 && status < 400)
    throw new UnavailableError(
      "Vault leads to another address, and no token is sent there: name that address itself",
    )
  const words = GONE[status]
  if (words !== undefined) throw new UnavailableError(`${words} (${status})`)
  if (status === 200 && body === undefined)
    throw new UnavailableError("what answers is not Vault: it sends no JSON")
}

export function vaultFault(code: string, path: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path, problem, fix }])
}

/** The member of an answer at a path of names; undefined when there is none. */
export function memberOf(body: unknown, ...names: readonly string[]): unknown {
  let value = body
  for (const name of names) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}
