import { type Address, maskOf } from "../../core/address.ts"

/** A network as the bits that its members share. */
export interface Block {
  readonly network: Address
  readonly bits: number
  /** How many entries a proxy of this network writes behind its client's. */
  readonly ownEntries: number
  /** The header in which a proxy of this network names its client, if it is not X-Forwarded-For. */
  readonly clientHeader: string | undefined
}

export function contains({ network, bits }: Block, address: Address): boolean {
  if (network.version !== address.version) return false
  const size = address.version === 4 ? 8 : 16
  for (let at = 0; at * size < bits; at++) {
    const own = (address.parts[at] ?? 0) & maskOf(bits - at * size, size)
    if (own !== network.parts[at]) return false
  }
  return true
}

/** The address with the bits beyond the prefix cleared. */
export function maskAddress(address: Address, bits: number): Address {
  const size = address.version === 4 ? 8 : 16
  return {
    version: address.version,
    parts: address.parts.map((part, index) => part & maskOf(bits - index * size, size)),
  }
}
