export type { Verified } from "./claims.ts"
export { readToken, type TokenOptions, type TokenPolicy } from "./options.ts"
export { state } from "./state.ts"
export {
  createTokens,
  type InvalidReason,
  type InvalidToken,
  type IssuedToken,
  type TokenInput,
  type TokenResult,
  type Tokens,
  type TokensInput,
} from "./token.ts"
export type { SignatureAlgorithm } from "./verify-key.ts"
