import assert from "node:assert/strict"
import { test } from "node:test"
import type { RequestHead } from "../../core/request.ts"
import { isLocalPeer } from "./index.ts"

const ORIGIN = new URL("http://localhost:3000")

interface Asked {
  readonly origin?: string
  readonly peer?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

function isLocal(asked: Asked): boolean {
  const headers: Record<string, string> = { host: "localhost:3000", ...asked.headers }
  const head: RequestHead = {
    method: "GET",
    target: "/",
    peerAddress: "peer" in asked ? asked.peer : "127.0.0.1",
    encrypted: false,
    header: (name) => headers[name],
    headerValues: (name) => [headers[name] ?? []].flat(),
  }
  return isLocalPeer(head, asked.origin === undefined ? ORIGIN : new URL(asked.origin))
}

const ROWS: readonly (readonly [string, Asked, boolean])[] = [
  ["IPv4 loopback", {}, true],
  ["another of its block", { peer: "127.8.9.10" }, true],
  ["IPv6 loopback", { peer: "::1" }, true],
  ["IPv4 in IPv6", { peer: "::ffff:127.0.0.1" }, true],
  ["a sub-domain of localhost", { origin: "http://app.localhost", headers: { host: "app.localhost" } }, true],
  ["the address as the name", { origin: "http://127.0.0.1:3000", headers: { host: "127.0.0.1:3000" } }, true],
  ["a private network", { peer: "192.168.1.5" }, false],
  ["a link-local address", { peer: "fe80::1" }, false],
  ["a stranger", { peer: "203.0.113.9" }, false],
  ["a stranger in IPv6", { peer: "2001:db8::1" }, false],
  ["a text that begins like loopback", { peer: "127.0.0.1.example" }, false],
  ["no address", { peer: undefined }, false],
  ["another name that leads here", { headers: { host: "evil.example" } }, false],
  ["another loopback name", { headers: { host: "127.0.0.1:3000" } }, false],
  ["another port", { headers: { host: "localhost" } }, false],
  ["a public origin", { origin: "https://api.example.com", headers: { host: "api.example.com" } }, false],
  ...[
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-ray",
    "fastly-client-ip",
    "fly-client-ip",
  ].map((name) => [`a proxy that says ${name}`, { headers: { [name]: "127.0.0.1" } }, false] as const),
  ["a proxy that says it with nothing", { headers: { "x-forwarded-for": "" } }, false],
]

for (const [who, asked, expected] of ROWS) {
  test(`the developer at this machine is ${expected ? "" : "not "}${who}`, () => {
    assert.equal(isLocal(asked), expected)
  })
}
