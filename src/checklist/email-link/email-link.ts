/**
 * Attack: somebody asks for a link in another person's name and waits until she opens it; a mail scanner opens links and
 * presses buttons; somebody guesses the code. Promise: link and code alone are nothing. They are redeemed only together
 * with what the asking browser keeps in a cookie, so a link opened anywhere else signs in nobody; a GET redeems nothing; a
 * code has three tries. Source: ASVS 6.5.1, 6.5.5, 6.6.2, 6.6.3; NIST SP 800-63B-4, 3.1.3.
 */
import { randomBytes, randomInt } from "node:crypto"
import { fromBase64url, labelledHmac, sha256, toBase64url } from "../../core/bytes.ts"
import type { Keys } from "../../core/keys.ts"
import type { CodeProof, FlowKey, FlowProof } from "../../store/store.ts"

const ID_BYTES = 16
const SECRET_BYTES = 32
const CODE_DIGITS = 6
const CODE_LABEL = "nightlatch email code"

/** A flow that begins: its name and hash for the store, and what the browser keeps. */
export interface NewFlow extends FlowKey {
  /** For the flow cookie. */
  readonly cookie: string
}

export interface EmailLinks {
  begin(): NewFlow
  /** What a flow cookie names; undefined when we cannot have made it. */
  readCookie(value: string | undefined): FlowKey | undefined
  /** Six random digits and their seal; made by the sender of the mail, kept by nobody. */
  newCode(flowId: string): { readonly code: string; readonly mac: Uint8Array }
  /** A code as it was typed, for the store to compare; undefined when it is none. */
  proofOfCode(flowId: string, typed: string): CodeProof | undefined
  proofOfLink(token: string): FlowProof
}

/** @param keys of the label `email-code`: the first seals, all are tried */
export function createEmailLinks(keys: Keys): EmailLinks {
  const seal = (key: Uint8Array, flowId: string, code: string) =>
    labelledHmac(key, CODE_LABEL, Buffer.from(flowId), Buffer.from(code))
  return {
    begin() {
      const id = randomBytes(ID_BYTES)
      const secret = randomBytes(SECRET_BYTES)
      const cookie = toBase64url(Buffer.concat([id, secret]))
      return { flowId: toBase64url(id), secretHash: sha256(secret), cookie }
    },
    readCookie(value) {
      const bytes = value === undefined ? undefined : fromBase64url(value)
      if (bytes?.length !== ID_BYTES + SECRET_BYTES) return undefined
      return {
        flowId: toBase64url(bytes.subarray(0, ID_BYTES)),
        secretHash: sha256(bytes.subarray(ID_BYTES)),
      }
    },
    newCode(flowId) {
      const [sealing] = keys.list
      if (sealing === undefined) throw new TypeError("at least one root secret is needed")
      const code = String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, "0")
      return { code, mac: seal(sealing, flowId, code) }
    },
    proofOfCode(flowId, typed) {
      // People copy blanks and hyphens with it, and some keyboards write other digits.
      const code = typed.normalize("NFKC").replace(/[\s-]/g, "")
      if (!/^\d{6}$/.test(code)) return undefined
      return { codeMacs: keys.list.map((key) => seal(key, flowId, code)) }
    },
    proofOfLink: (token) => ({ tokenHash: sha256(token) }),
  }
}
