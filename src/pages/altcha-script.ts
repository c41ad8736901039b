/**
 * Solves ALTCHA's proof of work in a worker: SHA-256 over the salt and each number in turn, until it is the challenge.
 * Written out instead of asked of `crypto.subtle`, whose promise for each number costs more than the hash, and which is
 * missing where a page is not secure. The salt's whole blocks are hashed once. In: a challenge. Out: its number, or -1.
 */
export const ALTCHA_SCRIPT = `"use strict"
const primes = []
for (let n = 2; primes.length < 64; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
// FIPS 180-4: the first 32 bits of the fractions of roots, exact in every engine.
const fraction = (n, power) => {
  const of = BigInt(n) << BigInt(32 * power)
  let low = 0n
  let high = 1n << 64n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** BigInt(power) > of) high = middle
    else low = middle
  }
  return Number(BigInt.asIntN(32, low))
}
const START = Int32Array.from(primes.slice(0, 8), (prime) => fraction(prime, 2))
const ROUND = Int32Array.from(primes, (prime) => fraction(prime, 3))
const words = new Int32Array(64)

function compress(state, bytes, at) {
  for (let i = 0; i < 16; i++, at += 4)
    words[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
  for (let i = 16; i < 64; i++) {
    const x = words[i - 15]
    const y = words[i - 2]
    const small = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const large = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    words[i] = (words[i - 16] + small + words[i - 7] + large) | 0
  }
  let a = state[0]
  let b = state[1]
  let c = state[2]
  let d = state[3]
  let e = state[4]
  let f = state[5]
  let g = state[6]
  let h = state[7]
  for (let i = 0; i < 64; i++) {
    const first = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const one = (h + first + ((e & f) ^ (~e & g)) + ROUND[i] + words[i]) | 0
    const second = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const two = (second + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + one) | 0
    d = c
    c = b
    b = a
    a = (one + two) | 0
  }
  state[0] += a
  state[1] += b
  state[2] += c
  state[3] += d
  state[4] += e
  state[5] += f
  state[6] += g
  state[7] += h
}

function solve({ algorithm, challenge, salt, maxnumber }) {
  if (algorithm !== "SHA-256" || !/^[0-9a-f]{64}$/.test(challenge)) return -1
  const wanted = Int32Array.from({ length: 8 }, (_, i) => parseInt(challenge.slice(8 * i, 8 * i + 8), 16))
  const salted = new TextEncoder().encode(salt)
  const begun = START.slice()
  const whole = salted.length - (salted.length % 64)
  for (let at = 0; at < whole; at += 64) compress(begun, salted, at)
  const rest = salted.subarray(whole)
  const state = new Int32Array(8)
  for (let number = 0; number <= maxnumber; number++) {
    const digits = String(number)
    const end = rest.length + digits.length
    const tail = new Uint8Array(end + 9 > 64 ? 128 : 64)
    tail.set(rest)
    for (let i = 0; i < digits.length; i++) tail[rest.length + i] = digits.charCodeAt(i)
    tail[end] = 128
    const bits = (whole + end) * 8
    tail[tail.length - 2] = bits >>> 8
    tail[tail.length - 1] = bits
    state.set(begun)
    for (let at = 0; at < tail.length; at += 64) compress(state, tail, at)
    if (state[0] === wanted[0] && state.every((word, i) => word === wanted[i])) return number
  }
  return -1
}

onmessage = ({ data }) => postMessage(solve(data))
`
