/**
 * Attack: a provider lets anybody write the victim's address into a profile, and the account of that address is theirs; or
 * somebody registers the victim's address first and waits until the victim comes by a provider.
 * Promise: an identity signs in to its own account and to no other. An address joins them only when both sides have proved
 * it: the provider that this person reads the mailbox, and the account's owner that he does. In any other case the person
 * is asked for the credential the account has, which is the next step and not an error.
 * Source: CVE-2026-53516 (pre-registered address), CVE-2026-15611 (unverified linking), ASVS 6.8.1.
 */

export interface LinkFacts {
  /** Whether (issuer, subject) belongs to an account already. */
  readonly identityKnown: boolean
  /** The account that has the claimed address; undefined when none has, or no address was claimed. */
  readonly accountByEmail: { readonly verified: boolean; readonly disabled: boolean } | undefined
  /** Whether the provider proves that this person reads the address. */
  readonly emailProved: boolean
  readonly registrationOpen: boolean
}

/**
 * `sign-in`: to the identity's account. `create`: a new account with the proved address.
 * `link-and-sign-in`: to the address's account. `ask-for-credential`: sign in as before, or prove the address by mail, then link. `refused`.
 */
export type LinkDecision = "sign-in" | "create" | "link-and-sign-in" | "ask-for-credential" | "refused"

export function decideLink(facts: LinkFacts): LinkDecision {
  const { accountByEmail, emailProved } = facts
  // The identity is the key; what it says about an address today does not matter.
  if (facts.identityKnown) return "sign-in"
  // Anybody can claim any address, so a stranger is told the same whether there is an account, and whether it is disabled.
  // Without an account the next step is to prove the address by mail, which makes one.
  if (!emailProved) return "ask-for-credential"
  if (accountByEmail === undefined) return facts.registrationOpen ? "create" : "refused"
  if (accountByEmail.disabled) return "refused"
  // An account whose address nobody proved may be a trap laid by somebody else: its credential has to be known.
  return accountByEmail.verified ? "link-and-sign-in" : "ask-for-credential"
}
