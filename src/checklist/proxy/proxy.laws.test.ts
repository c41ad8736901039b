import assert from "node:assert/strict"
import { isIP } from "node:net"
import { test } from "node:test"
import fc from "fast-check"
import { formatAddress, networkOf, normaliseAddress, parseAddress } from "../../core/address.ts"
import { Faults } from "../../core/misuse.ts"
import type { RequestHead } from "../../core/request.ts"
import { clientOf, readProxy } from "./index.ts"

const numRuns = process.env.NIGHTLATCH_TEST_SCALE === "long" ? 200_000 : 2000

const addressLike = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV4Extended(),
  fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCDEF:.%[]xg "), maxLength: 48 }),
  fc.tuple(fc.ipV6(), fc.ipV4()).map(([six, four]) => `${six.slice(0, 8)}:${four}`),
)

function head(peer: string | undefined, lines: readonly string[]): RequestHead {
  return {
    method: "GET",
    target: "/",
    header: () => lines[0],
    headerValues: (name) => (name === "x-forwarded-for" ? lines : []),
    peerAddress: peer,
    encrypted: false,
  }
}

test("what is an address is decided as node:net decides it", () => {
  fc.assert(
    fc.property(addressLike, (text) => {
      if (text.includes("%")) return
      assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0, text)
    }),
    { numRuns },
  )
})

test("IPv6 is written as the URL standard writes it, unless it carries IPv4", () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const parsed = parseAddress(text)
      assert.ok(parsed !== undefined)
      if (parsed.version === 6)
        assert.equal(`[${formatAddress(parsed)}]`, new URL(`http://[${text}]/`).hostname)
    }),
    { numRuns },
  )
})

test("normalising twice is normalising once, and every spelling of eight groups is one address", () => {
  const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(groups, (parts) => {
      const long = parts.map((part) => part.toString(16).padStart(4, "0").toUpperCase()).join(":")
      const short = normaliseAddress(long)
      assert.equal(normaliseAddress(short), short)
      assert.equal(normaliseAddress(`${long}%zone`), short)
    }),
    { numRuns },
  )
})

test("an address and its network share a network", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.integer({ min: 0, max: 32 }),
      fc.integer({ min: 0, max: 128 }),
      (text, four, six) => {
        const address = normaliseAddress(text)
        const [network = ""] = networkOf(address, four, six).split("/")
        assert.equal(networkOf(network, four, six), networkOf(address, four, six))
      },
    ),
    { numRuns },
  )
})

test("whatever the headers say, an untrusted peer is who it is", () => {
  const policy = readProxy({ trusted: ["10.0.0.0/8"] }, new Faults())
  fc.assert(
    fc.property(fc.ipV4(), fc.array(fc.oneof(fc.string(), addressLike)), (peer, lines) => {
      if (peer.startsWith("10.")) return
      assert.equal(clientOf(policy, head(peer, lines)).address, peer)
    }),
    { numRuns },
  )
})

test("what a client writes to the left of its own address never matters", () => {
  const policies = [["10.0.0.0/8"], 2].map((trusted) => readProxy({ trusted }, new Faults()))
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), addressLike), { maxLength: 4 }), (forged) => {
      for (const policy of policies) {
        const lines = [...forged, "192.0.2.7, 10.0.0.2"]
        assert.equal(clientOf(policy, head("10.0.0.1", lines)).address, "192.0.2.7")
      }
    }),
    { numRuns },
  )
})

test("any list of anything gives an address or unknown, and never throws", () => {
  const policies = [["10.0.0.0/8", "unix"], 3, undefined].map((trusted) =>
    readProxy({ trusted }, new Faults()),
  )
  fc.assert(
    fc.property(
      fc.option(addressLike, { nil: undefined }),
      fc.array(fc.oneof(fc.string(), addressLike)),
      (peer, lines) => {
        for (const policy of policies) {
          const { address } = clientOf(policy, head(peer, lines))
          assert.ok(address === "unknown" || isIP(address) !== 0, address)
        }
      },
    ),
    { numRuns },
  )
})
