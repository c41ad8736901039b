import type { Revocations } from "../checklist/session/index.ts"
import type { TokenResult, Tokens } from "../checklist/token/index.ts"
import type { Clock } from "../core/clock.ts"
import type { Session } from "../core/session.ts"
import { UnavailableError } from "../core/unavailable.ts"

/**
 * The hot path of every signed-in request: a remembered token, the set of revoked sessions, the epochs. No store read.
 * @returns what the guard asks for: a session that holds now, or undefined
 */
export function createSessionCheck(parts: {
  readonly tokens: Pick<Tokens, "verify">
  readonly revocations: Revocations
  readonly clock: Clock
}): (token: string) => Session | undefined | Promise<Session | undefined> {
  const { tokens, revocations, clock } = parts

  function judge(result: TokenResult): Session | undefined {
    if (result.kind === "invalid") return undefined
    // Silence of the store could hide a revocation.
    if (!revocations.fresh(clock())) throw new UnavailableError("the revocation feed is stale")
    const { session, epoch, issuedAt } = result
    if (issuedAt < revocations.notBefore) return undefined
    if (revocations.isRevoked(session.sessionId) || revocations.epochOf(session.userId) > epoch)
      return undefined
    return session
  }

  return (token) => {
    const result = tokens.verify(token)
    return result instanceof Promise ? result.then(judge) : judge(result)
  }
}
