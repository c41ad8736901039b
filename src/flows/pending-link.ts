import * as z from "zod"
import { fromBase64url, toBase64url } from "../core/bytes.ts"
import { parseStrictJsonBytes } from "../core/json.ts"
import { openBytes, sealBytes } from "../core/seal.ts"

/** An identity that a provider has stated and that belongs to nobody yet: it waits in its browser until somebody signs in. */
export interface PendingLink {
  readonly identity: {
    readonly provider: string
    readonly issuer: string
    readonly subject: string
    readonly email: string | null
  }
  readonly returnTo: string
  /** Milliseconds since 1970. */
  readonly endsAt: number
}

/** Long enough for a mail link or a forgotten password on the way. */
export const PENDING_SECONDS = 1800

const CONTEXT = ["pending link"]

const SCHEMA = z.object({
  identity: z.object({
    provider: z.string(),
    issuer: z.string(),
    subject: z.string(),
    email: z.string().nullable(),
  }),
  returnTo: z.string(),
  endsAt: z.number(),
})

export function sealPending(keys: readonly Uint8Array[], pending: PendingLink): string {
  return toBase64url(sealBytes(keys, CONTEXT, Buffer.from(JSON.stringify(pending))))
}

/** @returns undefined for anything that is not sealed by us, or over */
export function openPending(
  keys: readonly Uint8Array[],
  value: string | undefined,
  now: number,
): PendingLink | undefined {
  const sealed = value === undefined ? undefined : fromBase64url(value)
  const plain = sealed === undefined ? undefined : openBytes(keys, CONTEXT, sealed)
  const read = plain === undefined ? undefined : SCHEMA.safeParse(parseStrictJsonBytes(plain))
  return read?.success === true && now < read.data.endsAt ? read.data : undefined
}
