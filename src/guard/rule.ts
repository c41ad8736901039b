/**
 * Rules that routes of an application add to what the guard has checked already. They are a second lock: without a guard
 * before them they throw, they never pass.
 */
import { parseRate, type RateInput } from "../checklist/rate-limit/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { SIGN_IN_TOO_OLD } from "../core/recent-sign-in.ts"
import type { Session } from "../core/session.ts"
import { PASS, type RefusalKind, refuse, type Verdict } from "../core/verdict.ts"
import type { Passed } from "./entry.ts"

export type Rule = (entered: Passed) => Verdict

export const NOT_SIGNED_IN: RefusalKind = { status: 401, code: "session.none", title: "Sign in first." }
export const REFRESH_NEEDED: RefusalKind = {
  status: 401,
  code: "session.refresh_needed",
  title: "The access token has ended; refresh it and ask again.",
}
const ROLE_MISSING: RefusalKind = { status: 403, code: "guard.role", title: "This account may not do that." }

/** A signed-in user. @throws MisuseError when no guard stands before the route */
export const requireUser: Rule = (entered) =>
  guarded(entered).session === undefined
    ? refuse(NOT_SIGNED_IN, "no session on a route that requires a user")
    : PASS

/** A signed-in user with at least one of these roles. */
export function requireRole(...roles: readonly string[]): Rule {
  if (roles.length === 0)
    misuse("guard.role", "requireRole", "it names no role", 'Name the role: requireRole("admin").')
  return withSession((session) =>
    session.roles.some((role) => roles.includes(role))
      ? PASS
      : refuse(ROLE_MISSING, "the session has none of the roles"),
  )
}

/** A user who proved who they are at most so long ago. */
export function requireRecentSignIn(maxAgeSeconds: number, clock: () => number = Date.now): Rule {
  if (!(maxAgeSeconds > 0)) {
    misuse(
      "guard.recent_sign_in",
      "requireRecentSignIn",
      "the age is not a positive number",
      "Give it in seconds.",
    )
  }
  return withSession((session) =>
    clock() - session.authenticatedAt <= maxAgeSeconds * 1000
      ? PASS
      : refuse(SIGN_IN_TOO_OLD, "the sign-in is too old"),
  )
}

function withSession(judge: (session: Session) => Verdict): Rule {
  return (entered) => {
    const { session } = guarded(entered)
    return session === undefined
      ? refuse(NOT_SIGNED_IN, "no session on a route that requires a user")
      : judge(session)
  }
}

export interface LimitOptions {
  /** Under what to count; default: the method and the route's pattern. */
  readonly name?: string
  /** Whom to count; default: the user, or the client's address when nobody is signed in. */
  readonly key?: (entered: Passed) => string
}

/**
 * An own limit, for example `limit("5/minute")`. Without a name it counts under the one the adapter gives (method and
 * route pattern); without a key per user, or per address when nobody is signed in. A rule of it answers with a promise when
 * limits are shared with other processes: `passed.render(await rule(passed, name))`.
 * @throws MisuseError when the rate is not one
 */
export function limit(
  rate: RateInput,
  options: LimitOptions = {},
): (entered: Passed, name: string) => Verdict | Promise<Verdict> {
  const faults = new Faults()
  const parsed = parseRate(rate, "limit", faults)
  faults.throwIfAny()
  const owner = {}
  return (entered, name) => {
    const { session } = guarded(entered)
    // Without either the client's address is counted as every other limit counts it: IPv6 by /64 and /48.
    const whom = options.key?.(entered) ?? (session === undefined ? undefined : `user ${session.userId}`)
    return entered.take(options.name ?? name, parsed, whom, owner)
  }
}

/** @throws MisuseError when no guard has seen the request */
export function guarded(entered: Passed | undefined): Passed {
  if (entered?.kind === "pass") return entered
  return misuse(
    "guard.missing",
    "guard",
    "a rule ran on a request that no guard has seen",
    "Put guard(latch) before the routes, at the root of the application.",
  )
}

function misuse(code: string, path: string, problem: string, fix: string): never {
  throw new MisuseError([{ code, path, problem, fix }])
}
