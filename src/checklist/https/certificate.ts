import { createPrivateKey, X509Certificate } from "node:crypto"
import { isIP } from "node:net"
import { createSecureContext } from "node:tls"
import type { Faults } from "../../core/misuse.ts"

export interface CertificateInput {
  /** PEM: the server's certificate first, then those that lead to its root. */
  readonly certificate: string
  /** PEM, not encrypted. */
  readonly key: string
  /** The name that clients ask for, as `URL.hostname` writes it. */
  readonly hostname: string
  readonly now: number
}

/**
 * Whether clients will accept a certificate: it is for the origin's name, it is its time, and the key is its own. What a
 * client alone can tell, whether it trusts the issuer, is not asked.
 * @param where what each file is called in a fault
 * @returns when it ends, in milliseconds; undefined when there was a fault
 */
export function judgeCertificate(
  input: CertificateInput,
  where: { readonly certificate: string; readonly key: string },
  faults: Faults,
): number | undefined {
  const { hostname, now } = input
  const bad = (code: string, path: string, problem: string, fix: string): undefined => {
    faults.add(`https.${code}`, path, problem, fix)
  }
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(input.certificate)
  } catch {
    const fix = "Name a PEM file with the whole chain, like certbot's fullchain.pem."
    return bad("certificate_unreadable", where.certificate, "it is not a certificate", fix)
  }
  try {
    const key = createPrivateKey(input.key)
    if (!certificate.checkPrivateKey(key)) {
      const fix = "Name the key that the certificate was made for."
      return bad("key_mismatch", where.key, "the key does not belong to the certificate", fix)
    }
  } catch {
    const fix = "Name a PEM file with the private key, like certbot's privkey.pem, without a passphrase."
    return bad("key_unreadable", where.key, "it is not a private key", fix)
  }
  try {
    createSecureContext({ cert: input.certificate, key: input.key })
  } catch {
    const fix = "Use an EC key, or an RSA key of at least 2,048 bits, and certificates signed with SHA-256."
    return bad("certificate_weak", where.certificate, "TLS does not take this certificate or its key", fix)
  }
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()]
  if (now < from) {
    const fix = "Look at the clock of this machine."
    return bad("certificate_early", where.certificate, `it is valid from ${certificate.validFrom} on`, fix)
  }
  if (now >= to) {
    const fix = "Renew it, for example with certbot renew."
    return bad("certificate_expired", where.certificate, `it has expired on ${certificate.validTo}`, fix)
  }
  if (!covers(certificate, hostname)) {
    const fix = `Get one for ${hostname}, or correct the origin.`
    return bad(
      "certificate_name",
      where.certificate,
      `it is not for ${hostname}, the name in the origin`,
      fix,
    )
  }
  return to
}

function covers(certificate: X509Certificate, hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "")
  if (isIP(address) !== 0) return certificate.checkIP(address) !== undefined
  // A name in the subject alone counts for no browser.
  return certificate.checkHost(hostname, { subject: "never" }) !== undefined
}
