import assert from "node:assert/strict"
import { test } from "node:test"
import { formatAddress, isPublicAddress, networkOf, normaliseAddress, prefixOf } from "../../core/address.ts"
import type { Facts } from "../../core/facts.ts"
import { silentLogger } from "../../core/logger.ts"
import { Faults } from "../../core/misuse.ts"
import type { RequestHead } from "../../core/request.ts"
import { contains } from "./block.ts"
import { clientOf, createOverlooked, readProxy, state } from "./index.ts"
import { PUBLIC_PRESETS } from "./presets.ts"
import { CLOUDFLARE } from "./published-ranges.ts"

interface Sent {
  readonly peer?: string
  readonly forwarded?: readonly string[]
  readonly proto?: readonly string[]
  readonly tls?: boolean
  readonly others?: Readonly<Record<string, string>>
}

function headOf(sent: Sent): RequestHead {
  const values: Record<string, readonly string[]> = {
    "x-forwarded-for": sent.forwarded ?? [],
    "x-forwarded-proto": sent.proto ?? [],
  }
  for (const [name, value] of Object.entries(sent.others ?? {})) values[name] = [value]
  return {
    method: "GET",
    target: "/",
    header: (name) => values[name]?.[0],
    headerValues: (name) => values[name] ?? [],
    peerAddress: sent.peer,
    encrypted: sent.tls ?? false,
  }
}

function policyOf(trusted: unknown) {
  const faults = new Faults()
  const policy = readProxy({ trusted }, faults)
  faults.throwIfAny()
  return policy
}

test("an address has one spelling, whatever dress it comes in", () => {
  const table: [string | undefined, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["::ffff:0102:0304", "1.2.3.4"],
    ["0:0:0:0:0:ffff:c000:201", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "192.0.2.1"],
    ["64:ff9b::c000:201", "192.0.2.1"],
    ["64:ff9b::127.0.0.1", "64:ff9b::7f00:1"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    ["64:ff9b::192.168.0.1", "64:ff9b::c0a8:1"],
    ["64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201"],
    ["::192.0.2.1", "::c000:201"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
    ["2001:0:0:1::1", "2001:0:0:1::1"],
    ["fe80::1%eth0", "fe80::1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    [undefined, "unknown"],
    ["", "unknown"],
    ["localhost", "unknown"],
    ["1.2.3", "unknown"],
    ["1.2.3.4.5", "unknown"],
    ["01.2.3.4", "unknown"],
    ["1.2.3.256", "unknown"],
    ["0x7f.0.0.1", "unknown"],
    ["2130706433", "unknown"],
    ["1.2.3.4 ", "unknown"],
    [":::", "unknown"],
    ["1::2::3", "unknown"],
    ["1:2:3:4:5:6:7:8:9", "unknown"],
    ["1:2:3:4:5:6:7", "unknown"],
    ["12345::", "unknown"],
    ["::g", "unknown"],
    ["::1:", "unknown"],
    ["::ffff:1.2.3", "unknown"],
    ["1.2.3.4::", "unknown"],
    ["fe80::1%", "unknown"],
    ["[::1]", "unknown"],
  ]
  for (const [text, expected] of table) assert.equal(normaliseAddress(text), expected, String(text))
})

test("a network is an IPv4 /24 or an IPv6 /48 unless said otherwise", () => {
  assert.equal(prefixOf("192.0.2.77"), "192.0.2.0/24")
  assert.equal(prefixOf("2001:db8:1:2:3::4"), "2001:db8:1::/48")
  assert.equal(prefixOf("unknown"), "unknown")
  assert.equal(networkOf("2001:db8:1:2:3::4", 32, 64), "2001:db8:1:2::/64")
  assert.equal(networkOf("10.200.3.4", 10, 7), "10.192.0.0/10")
  assert.equal(networkOf("fdff:1::1", 10, 7), "fc00::/7")
})

test("with nobody trusted no header changes anything", () => {
  const others = {
    forwarded: "for=6.6.6.6;proto=https",
    "x-real-ip": "6.6.6.6",
    "cf-connecting-ip": "6.6.6.6",
  }
  const head = headOf({ peer: "::ffff:192.0.2.9", forwarded: ["6.6.6.6"], proto: ["https"], others })
  assert.deepEqual(clientOf(policyOf(undefined), head), { address: "192.0.2.9", secure: false })
  assert.deepEqual(clientOf(policyOf(0), head), { address: "192.0.2.9", secure: false })
  assert.deepEqual(clientOf(policyOf([]), head), { address: "192.0.2.9", secure: false })
  assert.deepEqual(clientOf(policyOf(["10.0.0.0/8"]), head), { address: "192.0.2.9", secure: false })
})

test("the client is the first from the right that is no proxy", () => {
  const blocks = ["10.0.0.0/8", "2001:db8:ffff::/48"]
  const table: [trusted: unknown, peer: string | undefined, forwarded: string[], expected: string][] = [
    [blocks, "10.0.0.1", ["192.0.2.1"], "192.0.2.1"],
    [blocks, "::ffff:10.0.0.1", ["192.0.2.1"], "192.0.2.1"],
    [blocks, "10.0.0.1", ["6.6.6.6, 192.0.2.1"], "192.0.2.1"],
    [blocks, "10.0.0.1", ["6.6.6.6, 192.0.2.1, 10.2.3.4"], "192.0.2.1"],
    [blocks, "10.0.0.1", ["6.6.6.6", "192.0.2.1", "10.2.3.4"], "192.0.2.1"],
    [blocks, "10.0.0.1", ["6.6.6.6", "192.0.2.1,10.2.3.4"], "192.0.2.1"],
    [blocks, "2001:db8:ffff::1", ["[2001:db8::7]:443"], "2001:db8::7"],
    [blocks, "10.0.0.1", ["192.0.2.1:5555"], "192.0.2.1"],
    [blocks, "10.0.0.1", ["2001:db8::7"], "2001:db8::7"],
    [blocks, "10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"],
    [blocks, "10.0.0.1", ["::ffff:192.0.2.1"], "192.0.2.1"],
    [blocks, "10.0.0.1", [], "10.0.0.1"],
    [blocks, "10.0.0.1", ["10.0.0.9"], "10.0.0.9"],
    // What is no address closes: the last believable one counts, here the proxy's own.
    [blocks, "10.0.0.1", ["192.0.2.1, unknown"], "10.0.0.1"],
    [blocks, "10.0.0.1", ["192.0.2.1, 10.2.3.4, "], "10.0.0.1"],
    [blocks, "10.0.0.1", ["192.0.2.1, garbage, 10.2.3.4"], "10.2.3.4"],
    [blocks, "10.0.0.1", ["192.0.2.1", "garbage"], "10.0.0.1"],
    [3, "10.0.0.1", ["6.6.6.6, garbage, 10.2.3.4"], "10.2.3.4"],
    [blocks, "10.0.0.1", ['"192.0.2.1"'], "10.0.0.1"],
    [blocks, "10.0.0.1", ["192.0.2.1:http"], "10.0.0.1"],
    [blocks, "10.0.0.1", ["[192.0.2.1]"], "10.0.0.1"],
    [blocks, "10.0.0.1", ["[2001:db8::7"], "10.0.0.1"],
    [blocks, "10.0.0.1", [`${" ".repeat(200)}192.0.2.1`], "10.0.0.1"],
    [blocks, undefined, ["192.0.2.1"], "unknown"],
    [["unix"], undefined, ["192.0.2.1"], "192.0.2.1"],
    [["unix"], undefined, [], "unknown"],
    [["unix"], "unknown", ["192.0.2.1"], "unknown"],
    [["nginx"], "unknown", ["192.0.2.1"], "unknown"],
    [2, "unknown", ["192.0.2.1"], "unknown"],
    [["unix"], "192.0.2.9", ["6.6.6.6"], "192.0.2.9"],
    [["unix", "10.0.0.0/8"], undefined, ["192.0.2.1, 10.0.0.1"], "192.0.2.1"],
    [1, "10.0.0.1", ["6.6.6.6, 192.0.2.1"], "192.0.2.1"],
    [2, "10.0.0.1", ["6.6.6.6, 192.0.2.1, 172.16.0.1"], "192.0.2.1"],
    [2, "10.0.0.1", ["192.0.2.1"], "192.0.2.1"],
    [2, "10.0.0.1", ["192.0.2.1, nonsense"], "10.0.0.1"],
    [2, "10.0.0.1", ["nonsense, 172.16.0.1"], "172.16.0.1"],
    [1, undefined, ["192.0.2.1"], "192.0.2.1"],
    [3, undefined, [], "unknown"],
  ]
  for (const [trusted, peer, forwarded, expected] of table) {
    const sent: Sent = { forwarded, ...(peer === undefined ? {} : { peer }) }
    assert.equal(clientOf(policyOf(trusted), headOf(sent)).address, expected, JSON.stringify([trusted, sent]))
  }
})

test("a chain of trusted addresses is followed ten steps and no further", () => {
  const chain = Array.from({ length: 40 }, (_, at) => `10.0.0.${at + 1}`).join(", ")
  assert.equal(
    clientOf(policyOf(["10.0.0.0/8"]), headOf({ peer: "10.9.9.9", forwarded: [chain] })).address,
    "10.0.0.31",
  )
})

test("https is believed of the connection, or of a trusted peer whose every value says so", () => {
  const table: [trusted: unknown, tls: boolean, proto: string[], secure: boolean][] = [
    [undefined, false, ["https"], false],
    [undefined, true, ["http"], true],
    [["10.0.0.1"], false, ["https"], true],
    [["10.0.0.1"], false, ["HTTPS"], true],
    [["10.0.0.1"], false, [" https , https"], true],
    [["10.0.0.1"], true, ["http"], false],
    [["10.0.0.1"], false, ["https, http"], false],
    [["10.0.0.1"], false, ["http", "https"], false],
    [["10.0.0.1"], false, ["https,"], false],
    [["10.0.0.1"], false, ["wss"], false],
    [["10.0.0.1"], false, [], false],
    [["10.0.0.1"], true, [], true],
    [1, false, ["https"], true],
  ]
  for (const [trusted, tls, proto, secure] of table) {
    const head = headOf({ peer: "10.0.0.1", tls, proto })
    assert.equal(clientOf(policyOf(trusted), head).secure, secure, JSON.stringify([trusted, tls, proto]))
  }
})

test("what would trust everybody, or nobody knows whom, stops the start and names its fix", () => {
  const table: [input: unknown, code: string, fix: RegExp][] = [
    [{ trusted: ["0.0.0.0/0"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: ["::/0"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: ["0.0.0.0/1", "128.0.0.0/1"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: ["2000::/3"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: 11 }, "proxy.hops", /Count the proxies/],
    [{ trusted: -1 }, "proxy.hops", /Count the proxies/],
    [{ trusted: 1.5 }, "proxy.hops", /Count the proxies/],
    [{ trusted: ["10.0.0.1/8"] }, "proxy.block", /"10\.0\.0\.0\/8"/],
    [{ trusted: ["2001:db8::1/32"] }, "proxy.block", /"2001:db8::\/32"/],
    [{ trusted: ["10.0.0.0/33"] }, "proxy.block", /List the proxies/],
    [{ trusted: ["::1/129"] }, "proxy.block", /List the proxies/],
    [{ trusted: ["10.0.0.0/08"] }, "proxy.block", /List the proxies/],
    [{ trusted: ["10.0.0.0/8/8"] }, "proxy.block", /List the proxies/],
    [{ trusted: ["::ffff:10.0.0.0/104"] }, "proxy.block", /10\.0\.0\.0\//],
    [{ trusted: ["Cloudflare"] }, "proxy.block", /"cloudflare"/],
    [{ trusted: ["cloudfare"] }, "proxy.block", /"cloudflare"/],
    [{ trusted: ["haproxy-of-mine"] }, "proxy.block", /nginx, cloudflare/],
    [{ trusted: ["34.0.0.0/8"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: ["2600::/20"] }, "proxy.too_wide", /Name the networks/],
    [{ trusted: ["fe80::1%eth0"] }, "proxy.block", /List the proxies/],
    // nginx passes a client's own Fly-Client-IP on.
    [{ trusted: ["fly", "nginx"] }, "proxy.two_readings", /Keep the name/],
    [{ trusted: ["nginx", "fly"] }, "proxy.two_readings", /Keep the name/],
    [{ trusted: ["fly", "10.1.2.0/24"] }, "proxy.two_readings", /Keep the name/],
    [{ trusted: ["35.191.7.7", "gcp"] }, "proxy.two_readings", /Keep the name/],
    [{ trusted: "10.0.0.0/8" }, "option.invalid", /./],
    [{ trusted: true }, "option.invalid", /./],
    [{ trust: 1 }, "option.unknown", /"trusted"/],
  ]
  for (const [input, code, fix] of table) {
    const faults = new Faults()
    readProxy(input, faults)
    assert.ok(faults.list.length > 0, JSON.stringify(input))
    for (const fault of faults.list) {
      assert.equal(fault.code, code, JSON.stringify(input))
      assert.match(fault.fix, fix)
    }
  }
})

test("a number of hops counts for private addresses, since anybody may come from a public one", () => {
  for (const peer of [
    "10.0.0.1",
    "172.31.0.9",
    "192.168.1.1",
    "100.64.3.2",
    "169.254.1.1",
    "127.0.0.1",
    "::1",
    "fd00::5",
    "fe80::1",
  ])
    assert.equal(clientOf(policyOf(1), headOf({ peer, forwarded: ["192.0.2.1"] })).address, "192.0.2.1", peer)
  for (const peer of [
    "8.8.8.8",
    "172.32.0.1",
    "203.0.113.5",
    "2001:4860::1",
    "2606:4700::1",
    // Through a translator in front of an IPv6 network (RFC 8215).
    "64:ff9b:1::cb00:7105",
  ])
    assert.deepEqual(
      clientOf(policyOf(1), headOf({ peer, forwarded: ["192.0.2.1"], proto: ["https"] })),
      { address: peer, secure: false },
      peer,
    )
})

test("a proxy known by name counts from its own networks, and as it writes its header", () => {
  const table: [trusted: unknown, peer: string | undefined, sent: Partial<Sent>, expected: string][] = [
    [["cloudflare"], "104.16.0.9", { forwarded: ["6.6.6.6, 192.0.2.1"] }, "192.0.2.1"],
    [["cloudflare"], "2a06:98c7::9", { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
    [
      ["cloudflare"],
      "203.0.113.9",
      { forwarded: ["6.6.6.6"], others: { "cf-connecting-ip": "6.6.6.6" } },
      "203.0.113.9",
    ],
    [["cloudflare"], "10.0.0.1", { forwarded: ["6.6.6.6"] }, "10.0.0.1"],
    [["cloudflare", "10.0.0.1"], "10.0.0.1", { forwarded: ["6.6.6.6, 192.0.2.1, 162.158.4.4"] }, "192.0.2.1"],
    [["cloudfront"], "15.158.3.3", { forwarded: ["6.6.6.6, 192.0.2.1"] }, "192.0.2.1"],
    [["cloudfront"], "2600:9000:5200::1", { forwarded: ["2001:db8::1"] }, "2001:db8::1"],
    [["fastly"], "151.101.1.1", { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
    [["fastly"], "151.101.1.1", { forwarded: ["6.6.6.6, 192.0.2.1, 167.82.0.1"] }, "192.0.2.1"],
    [["nginx"], "127.0.0.1", { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
    [["nginx"], "172.18.0.2", { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
    [["nginx"], undefined, { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
    [["nginx"], "203.0.113.9", { forwarded: ["6.6.6.6"] }, "203.0.113.9"],
    [["aws-alb"], "10.0.7.7", { forwarded: ["6.6.6.6, 192.0.2.1"] }, "192.0.2.1"],
    [["aws-alb"], "127.0.0.1", { forwarded: ["6.6.6.6"] }, "127.0.0.1"],
    // The last entry is the load balancer itself.
    [["gcp"], "35.191.1.1", { forwarded: ["6.6.6.6, 192.0.2.1, 203.0.113.80"] }, "192.0.2.1"],
    [["gcp"], "35.191.1.1", { forwarded: ["6.6.6.6", "192.0.2.1", "203.0.113.80"] }, "192.0.2.1"],
    [["gcp"], "35.191.1.1", { forwarded: ["203.0.113.80"] }, "35.191.1.1"],
    [["gcp"], "35.191.1.1", { forwarded: ["garbage, 203.0.113.80"] }, "35.191.1.1"],
    [
      ["fly"],
      "172.19.0.1",
      { forwarded: ["6.6.6.6"], others: { "fly-client-ip": "192.0.2.1" } },
      "192.0.2.1",
    ],
    [["fly"], "172.19.0.1", { forwarded: ["6.6.6.6"] }, "172.19.0.1"],
    [
      ["fly"],
      "172.19.0.1",
      { forwarded: [], others: { "fly-client-ip": "192.0.2.1, 6.6.6.6" } },
      "172.19.0.1",
    ],
    [["fly"], "203.0.113.9", { forwarded: [], others: { "fly-client-ip": "6.6.6.6" } }, "203.0.113.9"],
    [["vercel"], undefined, { forwarded: ["192.0.2.1"] }, "192.0.2.1"],
  ]
  for (const [trusted, peer, sent, expected] of table) {
    const head = headOf({ ...sent, ...(peer === undefined ? {} : { peer }) })
    assert.equal(clientOf(policyOf(trusted), head).address, expected, JSON.stringify([trusted, peer, sent]))
  }
  for (const together of [
    ["nginx", "aws-alb", "vercel", "10.1.2.3", "cloudflare", "cloudfront", "fastly", "gcp"],
    ["fly", "127.0.0.1", "cloudflare", "gcp"],
  ])
    assert.equal(policyOf(together).trusted.length, together.length)
  assert.deepEqual(policyOf(["cloudflare", "10.0.0.1"]).trusted, [
    `cloudflare (${CLOUDFLARE.asOf})`,
    "10.0.0.1",
  ])
})

test("published ranges are the providers' own: public, exact, and no range within another", () => {
  for (const name of PUBLIC_PRESETS) {
    const { blocks } = policyOf([name])
    assert.ok(blocks.length > 3, name)
    for (const block of blocks) {
      assert.ok(isPublicAddress(block.network), `${name}: ${formatAddress(block.network)}`)
      const around = blocks.filter((other) => other !== block && contains(other, block.network))
      assert.deepEqual(
        around.filter((other) => other.bits <= block.bits),
        [],
        formatAddress(block.network),
      )
    }
  }
})

test("a proxy that nobody named is told from its address, and no client on the internet can pretend to be one", () => {
  const table: [trusted: unknown, peer: string | undefined, sent: Partial<Sent>, name: string | undefined][] =
    [
      [undefined, "172.18.0.5", { forwarded: ["192.0.2.1"] }, "172.18.0.5"],
      [undefined, "::ffff:127.0.0.1", { forwarded: ["192.0.2.1"] }, "127.0.0.1"],
      [undefined, "172.18.0.5", { others: { forwarded: "for=192.0.2.1" } }, "172.18.0.5"],
      [undefined, undefined, { forwarded: ["192.0.2.1"] }, "unix"],
      [undefined, "104.16.0.9", { forwarded: ["192.0.2.1"] }, "cloudflare"],
      [undefined, "35.191.0.9", { forwarded: ["192.0.2.1"] }, "gcp"],
      [["10.0.0.1"], "10.0.0.2", { forwarded: ["192.0.2.1"] }, "10.0.0.2"],
      [1, "104.16.0.9", { forwarded: ["192.0.2.1"] }, "cloudflare"],
      [1, "10.0.0.2", { forwarded: ["192.0.2.1"] }, undefined],
      [["10.0.0.1"], "10.0.0.1", { forwarded: ["192.0.2.1"] }, undefined],
      [undefined, "203.0.113.9", { forwarded: ["192.0.2.1"] }, undefined],
      [undefined, "8.8.8.8", { forwarded: ["127.0.0.1"], others: { forwarded: "for=10.0.0.1" } }, undefined],
      [undefined, "172.18.0.5", {}, undefined],
      [undefined, "not an address", { forwarded: ["192.0.2.1"] }, undefined],
    ]
  for (const [trusted, peer, sent, name] of table) {
    const policy = policyOf(trusted)
    let now = 0
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object) => warnings.push(fields) }
    const overlooked = createOverlooked({ policy, clock: () => now, logger })
    const head = headOf({ ...sent, ...(peer === undefined ? {} : { peer }) })
    clientOf(policy, head, overlooked.note)
    assert.equal(overlooked.last(), undefined, "once is nothing")
    for (now = 500; now < 5_000; now += 500) clientOf(policy, head, overlooked.note)
    assert.equal(overlooked.last()?.name, name, JSON.stringify([trusted, peer, sent]))
    assert.equal(warnings.length, name === undefined ? 0 : 1)
    const line = state({
      proxy: { trusted: policy.trusted, overlooked: overlooked.last() },
    } as unknown as Facts)
    assert.equal(line.state, name === undefined ? "holds" : "fails")
    if (name !== undefined) assert.ok(line.fix?.endsWith(`=${name}`), line.fix)
    now += 11 * 60_000
    assert.equal(overlooked.last(), undefined, "it is shown for ten minutes")
  }
})

test("the checklist line tells whose headers count", () => {
  const lineOf = (trusted: readonly string[]) =>
    state({ proxy: { trusted, overlooked: undefined } } as unknown as Facts)
  assert.match(lineOf([]).why, /ignored/)
  assert.match(lineOf(policyOf(["fastly"]).trusted).why, /has to force TLS/)
  assert.doesNotMatch(lineOf(policyOf(["cloudflare"]).trusted).why, /TLS/)
  assert.match(lineOf(["2 hops"]).why, /nobody but the proxies/)
  assert.match(lineOf(["10.0.0.0/8"]).why, /10\.0\.0\.0\/8/)
})
