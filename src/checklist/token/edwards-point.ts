/**
 * OpenSSL takes any 32 bytes for an Ed25519 key. A key that is no point verifies nothing, and one of small order verifies
 * what nobody signed, so both are refused when the key is read. Source: RFC 8032, section 5.1.3; Chalkias and others,
 * "Taming the many EdDSAs" (2020).
 */
const P = 2n ** 255n - 19n
const D = modulo(-121665n * power(121666n, P - 2n))
const SQRT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n)

/** The order-8 subgroup: a point P is in it when 8P is the neutral element, that is after three doublings. */
const COFACTOR_DOUBLINGS = 3

/** Whether these are the canonical bytes of a point of the curve that is not of small order. */
export function isUsableEdwardsPoint(encoded: Uint8Array): boolean {
  const number = Buffer.from(encoded).reverse()
  const sign = (number[0] ?? 0) >> 7
  number[0] = (number[0] ?? 0) & 0x7f
  const y = BigInt(`0x${number.toString("hex")}`)
  if (encoded.length !== 32 || y >= P) return false
  const x = recoverX(y, sign)
  return x !== undefined && !isSmallOrder(x, y)
}

function recoverX(y: bigint, sign: number): bigint | undefined {
  const u = modulo(y * y - 1n)
  const v = modulo(D * y * y + 1n)
  let x = modulo(u * v ** 3n * power(modulo(u * v ** 7n), (P - 5n) / 8n))
  const square = modulo(v * x * x)
  if (square !== u) {
    if (square !== modulo(-u)) return undefined
    x = modulo(x * SQRT_OF_MINUS_ONE)
  }
  if (x === 0n && sign === 1) return undefined
  return Number(x & 1n) === sign ? x : modulo(-x)
}

function isSmallOrder(startX: bigint, startY: bigint): boolean {
  let x = startX
  let y = startY
  for (let step = 0; step < COFACTOR_DOUBLINGS; step++) {
    const product = modulo(D * x * x * y * y)
    const nextX = modulo(2n * x * y * power(modulo(1n + product), P - 2n))
    y = modulo((y * y + x * x) * power(modulo(1n - product), P - 2n))
    x = nextX
  }
  return x === 0n && y === 1n
}

function modulo(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = modulo(base)
  for (let left = exponent; left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = modulo(result * square)
    square = modulo(square * square)
  }
  return result
}
