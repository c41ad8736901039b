import type { OauthIdentity, ProviderTokens } from "../checklist/oauth/index.ts"
import { openBytes, sealBytes } from "../core/seal.ts"

/** Whose tokens they are: sealed ones moved to another person's row do not open. */
type Whose = Pick<OauthIdentity, "issuer" | "subject">

const contextOf = ({ issuer, subject }: Whose): readonly string[] => ["provider tokens", issuer, subject]

/** @param keys of the label `provider-tokens` */
export function sealTokens(keys: readonly Uint8Array[], whose: Whose, tokens: ProviderTokens): Uint8Array {
  return sealBytes(keys, contextOf(whose), Buffer.from(JSON.stringify(tokens)))
}

/** @returns undefined when no configured secret sealed them for this person */
export function openTokens(
  keys: readonly Uint8Array[],
  whose: Whose,
  sealed: Uint8Array,
): ProviderTokens | undefined {
  const plain = openBytes(keys, contextOf(whose), sealed)
  return plain === undefined ? undefined : (JSON.parse(plain.toString("utf8")) as ProviderTokens)
}
