export { createKnownDevices, type KnownDevices } from "./device.ts"
export { readSession, type SessionOptions, type SessionPolicy, type SessionWeakening } from "./options.ts"
export { REFRESH_TOKEN_PREFIX, type RefreshToken } from "./refresh-token.ts"
export { createRevocations, type Revocations } from "./revocation.ts"
export type { SessionKeys } from "./root.ts"
export {
  type AccessTokenIssuer,
  type Beginning,
  createSessions,
  type Issued,
  type Refreshed,
  type RefusedRefresh,
  SESSION_ENDED,
  SESSION_INVALID,
  type Sessions,
} from "./sessions.ts"
export { state } from "./state.ts"
