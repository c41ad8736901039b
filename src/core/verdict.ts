import type { HeaderList, Reply } from "./request.ts"
import type { Session } from "./session.ts"

/** The answer of a check: pass, refuse, or answer the request here (a preflight). */
export type Verdict = Pass | Refusal | Answer

export interface Pass {
  readonly kind: "pass"
  /** Headers for the answer, whoever makes it. */
  readonly headers: HeaderList
  readonly session?: Session
}

/** A request that is complete without the application. */
interface Answer {
  readonly kind: "answer"
  readonly reply: Reply
}

/** A request that is not allowed. The client sees status, title and code; the log also sees the reason. */
export interface Refusal {
  readonly kind: "refusal"
  readonly refusal: RefusalKind
  /** Private, for the log. Never holds a token, password, cookie or secret. */
  readonly reason: string
  readonly headers: HeaderList
  /** Members that stand in the problem document beside the usual ones, for example a challenge to solve. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** A kind of refusal, made once per room and listed in its documentation. */
export interface RefusalKind {
  readonly status: number
  /** Stable and public, `room.what`. */
  readonly code: string
  readonly title: string
}

const NO_HEADERS: HeaderList = Object.freeze([])

/** Passes and adds nothing: one frozen value, so that the hot path allocates nothing. */
export const PASS: Pass = Object.freeze({ kind: "pass", headers: NO_HEADERS })

export function refuse(refusal: RefusalKind, reason: string, headers: HeaderList = NO_HEADERS): Refusal {
  return { kind: "refusal", refusal, reason, headers }
}
