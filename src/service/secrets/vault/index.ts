/**
 * Attack: whoever answers in Vault's place, or leads the token elsewhere; and an outage of Vault that becomes one of ours.
 * Promise: https with a verified certificate, or this very machine; no redirect is followed; answers are bounded in size and
 * time; no token and no answer is in any message. A token is renewed before it ends, and when it has ended there is a new login.
 * Source: Vault HTTP API (KV version 2, auth/token, auth/approle, auth/kubernetes); ASVS 13.3.1.
 */
import { UnavailableError } from "../../../core/unavailable.ts"
import { memberOf, refuseGone, vaultFault } from "./answers.ts"
import type { VaultPolicy } from "./options.ts"
import { askVault, type VaultAnswer, type VaultQuestion } from "./request.ts"
import { type AskVault, isDue, logIn, renewToken, type VaultToken } from "./token.ts"

/**
 * Reads the field again and again, with one login for as long as it lasts.
 * @returns what answers the field's value: a text, or a list of texts
 */
export function createVault(
  policy: VaultPolicy,
  now: () => number = () => performance.now(),
): (signal: AbortSignal) => Promise<unknown> {
  const { login, mount, path } = policy
  let known: VaultToken | undefined

  return async (signal) => {
    const ask = (question: VaultQuestion) => askVault(policy, question, signal)
    const read = ({ token }: VaultToken) => ask({ method: "GET", path: `${mount}/data/${path}`, token })
    const before = known
    if (known !== undefined && isDue(known, now())) known = await renewed(known, ask, now())
    known ??= await logIn(login, ask, now())
    let answer = await read(known)
    // An older token may have been revoked or used up; a new one that is refused says something about the policy.
    if (answer.status === 403 && known.token === before?.token) {
      known = await logIn(login, ask, now())
      if (known.token !== before.token) answer = await read(known)
    }
    if (answer.status === 403) known = undefined
    return fieldOf(policy, answer)
  }
}

/** There is time left for another try: what it is for may still be read. */
async function renewed(token: VaultToken, ask: AskVault, now: number): Promise<VaultToken | undefined> {
  try {
    return await renewToken(token, ask, now)
  } catch (error) {
    if (error instanceof UnavailableError) return token
    throw error
  }
}

function fieldOf({ mount, path, field }: VaultPolicy, answer: VaultAnswer): unknown {
  const { status, body } = answer
  const place = `${mount}/data/${path}`
  refuseGone(answer)
  if (status === 403) {
    const fix = `Its policy needs: path "${place}" { capabilities = ["read"] }`
    throw vaultFault("vault.denied", "vault.path", `the token has ended or may not read ${place} (403)`, fix)
  }
  if (status === 404 && memberOf(body, "data", "metadata") !== undefined) {
    const fix = `Bring it back: vault kv undelete -mount=${mount} -versions=<number> ${path}`
    throw vaultFault("vault.missing", "vault.path", `the newest version of ${mount}/${path} is deleted`, fix)
  }
  if (status !== 200) {
    const problem = `there is nothing at ${place}, or ${mount} is no KV engine of version 2 (${status})`
    throw vaultFault(
      "vault.missing",
      "vault.path",
      problem,
      `Write it: vault kv put -mount=${mount} ${path} ...`,
    )
  }
  const value = memberOf(body, "data", "data", field)
  if (value === undefined) {
    const fix = "Name the field in vault.field (NIGHTLATCH_VAULT_FIELD)."
    throw vaultFault("vault.field", "vault.field", `${mount}/${path} has no field "${field}"`, fix)
  }
  return value
}
