import assert from "node:assert/strict"
import { test } from "node:test"
import { networkOf, normaliseAddress, prefixOf } from "../../core/address.ts"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import type { RequestHead } from "../../core/request.ts"
import { clientOf, readProxy, state } from "./index.ts"

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
    [{ trusted: ["cloudflare"] }, "proxy.block", /List the proxies/],
    [{ trusted: ["fe80::1%eth0"] }, "proxy.block", /List the proxies/],
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

test("the checklist line tells whose headers count", () => {
  const lineOf = (trusted: readonly string[]) => state({ proxy: { trusted } } as unknown as Facts)
  assert.match(lineOf([]).why, /ignored/)
  assert.match(lineOf(["2 hops"]).why, /nobody but the proxies/)
  assert.match(lineOf(["10.0.0.0/8"]).why, /10\.0\.0\.0\/8/)
})
