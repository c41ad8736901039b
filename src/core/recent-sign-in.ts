import type { RefusalKind } from "./verdict.ts"

/** Signed in, but not lately enough for what was asked. */
export const SIGN_IN_TOO_OLD: RefusalKind = {
  status: 403,
  code: "guard.recent_sign_in",
  title: "Sign in again before doing this.",
}
