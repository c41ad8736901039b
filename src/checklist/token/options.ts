import * as z from "zod"
import { type Faults, readBySchema } from "../../core/misuse.ts"
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from "./verify-key.ts"

export interface TokenOptions {
  /** How long an access token lives, in seconds. Default 900, from 1 to 3,600. */
  readonly accessLifetimeSeconds?: number
  /** Default `EdDSA` (Ed25519). `ES256` (P-256) is for gateways that verify nothing newer. */
  readonly algorithm?: SignatureAlgorithm
  /** Whom the tokens are for, compared exactly. Default: the origin. */
  readonly audience?: string
}

export interface TokenPolicy {
  readonly accessLifetimeSeconds: number
  readonly algorithm: SignatureAlgorithm
  /** undefined: the origin. */
  readonly audience: string | undefined
}

// The checklist's fifteen minutes: what a verifier without the revocation feed has to wait for.
const DEFAULTS: TokenPolicy = Object.freeze({
  accessLifetimeSeconds: 900,
  algorithm: "EdDSA",
  audience: undefined,
})

/** An access token that lives longer than an hour is a session without an end button. */
const MOST_SECONDS = 3600

const SCHEMA = z.strictObject({
  accessLifetimeSeconds: z
    .int({ error: "it is a whole number of seconds" })
    .min(1, { error: "an access token lives at least 1 second" })
    .max(MOST_SECONDS, {
      error: `an access token lives at most ${MOST_SECONDS} seconds; the session may be longer`,
    })
    .optional(),
  algorithm: z.enum(SIGNATURE_ALGORITHMS, { error: 'it is "EdDSA" or "ES256"' }).optional(),
  audience: z
    .string({ error: "it is a text" })
    .regex(/^[\x21-\x7e]{1,256}$/, { error: "it is 1 to 256 visible ASCII characters, best a URI" })
    .optional(),
})

/** @returns the policy; with faults, the default one */
export function readToken(input: unknown, faults: Faults): TokenPolicy {
  const options = readBySchema(SCHEMA, input ?? {}, "token", faults)
  if (options === undefined) return DEFAULTS
  return Object.freeze({
    accessLifetimeSeconds: options.accessLifetimeSeconds ?? DEFAULTS.accessLifetimeSeconds,
    algorithm: options.algorithm ?? DEFAULTS.algorithm,
    audience: options.audience ?? DEFAULTS.audience,
  })
}
