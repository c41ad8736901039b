/** Certificates for tests, written out in DER (RFC 5280, section 4.1), so that no other program is needed. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { isIPv4 } from "node:net"

export interface Issued {
  /** PEM. */
  readonly certificate: string
  readonly key: string
}

interface Wanted {
  readonly name: string
  /** Host names and IPv4 addresses it is for. */
  readonly names?: readonly string[]
  readonly from?: Date
  readonly to?: Date
  /** Default: itself. */
  readonly issuer?: Authority
}

export interface Authority extends Issued {
  readonly name: string
  readonly privateKey: KeyObject
}

const HOUR = 3_600_000
const ECDSA_SHA256 = "1.2.840.10045.4.3.2"

/** A root of our own; what it issues is trusted where its certificate is given as `ca`. */
export function createAuthority(name: string): Authority {
  return issue({ name }, true)
}

export function issueCertificate(wanted: Wanted): Issued {
  const { certificate, key } = issue(wanted, false)
  return { certificate, key }
}

function issue(wanted: Wanted, authority: boolean): Authority {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const { name, names = [], issuer } = wanted
  const from = wanted.from ?? new Date(Date.now() - HOUR)
  const to = wanted.to ?? new Date(Date.now() + 30 * 24 * HOUR)
  const algorithm = sequence(identifier(ECDSA_SHA256))
  const extensions = [
    extension("2.5.29.19", true, sequence(...(authority ? [tlv(0x01, Buffer.from([0xff]))] : []))),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", false, sequence(...names.map(alternativeName)))]),
  ]
  const body = sequence(
    tlv(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguished(issuer?.name ?? name),
    sequence(time(from), time(to)),
    distinguished(name),
    publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...extensions)),
  )
  const signature = sign("sha256", body, issuer?.privateKey ?? privateKey)
  const der = sequence(body, algorithm, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])))
  const lines = der.toString("base64").replace(/(.{64})(?!$)/g, "$1\n")
  return {
    name,
    privateKey,
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  }
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, Buffer.concat(parts))
const integer = (bytes: Buffer): Buffer => tlv(0x02, bytes)

function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number)
  const bytes = rest.flatMap((value) => {
    const groups = [value & 0x7f]
    for (let left = value >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return tlv(0x06, Buffer.from([first * 40 + second, ...bytes]))
}

function distinguished(name: string): Buffer {
  return sequence(tlv(0x31, sequence(identifier("2.5.4.3"), tlv(0x0c, Buffer.from(name)))))
}

function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`
  // UTCTime until 2049, as section 4.1.2.5 asks for.
  return date.getUTCFullYear() < 2050 ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text))
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  const mark = critical ? [tlv(0x01, Buffer.from([0xff]))] : []
  return sequence(identifier(id), ...mark, tlv(0x04, value))
}

function alternativeName(name: string): Buffer {
  return isIPv4(name) ? tlv(0x87, Buffer.from(name.split(".").map(Number))) : tlv(0x82, Buffer.from(name))
}
