/**
 * Attack: an address that the provider never proved opens the account of its owner (nOAuth and its kin).
 * Promise: an address counts as proved only by the provider's own rule for it, written here one by one; in doubt it does not.
 * Source: OpenID Connect Core 5.1; each rule names its own.
 */
import type { ProviderPolicy } from "./policy.ts"

/** Who the provider says it is. The key is (issuer, subject); everything else is decoration that may change tomorrow. */
export interface OauthIdentity {
  /** The configured name. */
  readonly provider: string
  readonly issuer: string
  readonly subject: string
  /** As claimed, not normalised; undefined when none was. */
  readonly email: string | undefined
  readonly emailProved: boolean
  readonly name: string | undefined
}

export type Claims = Readonly<Record<string, unknown>>

/** RFC 5321, 4.5.3.1: 64 for the local part, 255 for the domain, and the sign between them. */
const MOST_EMAIL_CHARACTERS = 320
const MOST_NAME_CHARACTERS = 200

// OpenID Connect Core 2: at most 255 ASCII characters.
const SUBJECT = /^[\x20-\x7e]{1,255}$/

export function readSubject(value: unknown): string | undefined {
  return typeof value === "string" && SUBJECT.test(value) ? value : undefined
}

export function readEmail(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= MOST_EMAIL_CHARACTERS
    ? value
    : undefined
}

export function readName(value: unknown): string | undefined {
  return typeof value === "string" &&
    value.trim() !== "" &&
    value.length <= MOST_NAME_CHARACTERS &&
    !/\p{Cc}/u.test(value)
    ? value
    : undefined
}

/** Whether this provider, by these claims, proves that the person reads `email`. */
export function provesEmail(policy: ProviderPolicy, claims: Claims, email: string | undefined): boolean {
  if (email === undefined) return false
  switch (policy.kind) {
    case "google":
      // Google, "Verify the Google ID token": it is the authority for gmail.com, and for Workspace accounts, which have
      // `hd`. Any other address was verified once and may have changed hands since.
      return (
        claims.email_verified === true &&
        (email.toLowerCase().endsWith("@gmail.com") || (typeof claims.hd === "string" && claims.hd !== ""))
      )
    case "apple":
      // Apple, "Authenticating users with Sign in with Apple": the claim is a text or a boolean. A private relay address is
      // a mailbox like any other.
      return claims.email_verified === true || claims.email_verified === "true"
    case "oidc":
      return policy.emailProof === "verified-claim" && claims.email_verified === true
    // Microsoft, "Claims validation": an administrator of any tenant writes any address. GitHub has no claims.
    case "microsoft":
    case "github":
      return false
  }
}
