import assert from "node:assert/strict"
import { test } from "node:test"
import type { Facts } from "../../core/facts.ts"
import { Faults, MisuseError } from "../../core/misuse.ts"
import { type CookiePolicy, readCookies, state } from "./index.ts"

function policyFor(origin: string, input?: unknown): CookiePolicy {
  const faults = new Faults()
  const policy = readCookies(input, new URL(origin), faults)
  faults.throwIfAny()
  return policy
}

const PUBLIC = policyFor("https://api.example.com")
const A = "__Host-Http-access_token"
const R = "__Host-Http-refresh_token"
const D = "__Host-Http-known_device"

test("the topology and the names follow from the origin", () => {
  const cases = [
    ["https://api.example.com", "one-host", A],
    ["https://localhost", "one-host", A],
    ["http://localhost:3000", "loopback-http", `${A}_3000`],
    ["http://localhost", "loopback-http", `${A}_80`],
    ["http://127.0.0.1:8080", "loopback-http", `${A}_8080`],
    ["http://[::1]:8080", "loopback-http", `${A}_8080`],
    ["http://shop.localhost:4000", "loopback-http", `${A}_4000`],
    ["http://localhost.example.com:3000", "one-host", A],
    ["http://127.0.0.1.example.com:3000", "one-host", A],
  ] as const
  for (const [origin, topology, name] of cases) {
    const policy = policyFor(origin)
    assert.deepEqual([policy.topology, policy.names.access], [topology, name], origin)
  }
})

test("topologies that are not built refuse to start and say so", () => {
  const cases = [
    [{ topology: "sub-domains" }, "cookie.not_built"],
    [{ topology: "shared-host" }, "cookie.not_built"],
    [{ topology: "cross-site" }, "cookie.not_built"],
    [{ topology: "loopback-http" }, "cookie.not_loopback"],
    [{ topology: "onehost" }, "cookie.unknown_topology"],
    [{ topology: 3 }, "option.invalid"],
    [{ topolgy: "one-host" }, "option.unknown"],
    ["one-host", "option.invalid"],
    [null, undefined],
    [{}, undefined],
    [{ topology: "one-host" }, undefined],
  ] as const
  for (const [input, code] of cases) {
    const faults = new Faults()
    readCookies(input, new URL("https://api.example.com"), faults)
    assert.deepEqual(
      faults.list.map((fault) => fault.code),
      code === undefined ? [] : [code],
      JSON.stringify(input),
    )
  }
})

test("cookies have exactly these attributes", () => {
  const set = (header: readonly [string, string]): string => header.join(": ")
  assert.equal(
    set(PUBLIC.setAccess("aa.bb.cc", 900)),
    `set-cookie: ${A}=aa.bb.cc; Max-Age=900; Path=/; Secure; HttpOnly; SameSite=Strict`,
  )
  assert.equal(
    set(PUBLIC.setRefresh("nl", undefined)),
    `set-cookie: ${R}=nl; Path=/; Secure; HttpOnly; SameSite=Strict`,
  )
  assert.equal(
    set(PUBLIC.setDevice("x")),
    `set-cookie: ${D}=x; Max-Age=15552000; Path=/; Secure; HttpOnly; SameSite=Strict`,
  )
  assert.deepEqual(PUBLIC.clear().map(set), [
    `set-cookie: ${A}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict`,
    `set-cookie: ${R}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict`,
  ])
  assert.match(PUBLIC.setAccess("a", 1.9)[1], /; Max-Age=1;/)
  assert.match(PUBLIC.setAccess("a", -5)[1], /; Max-Age=0;/)
})

test("a cookie that a browser would drop, or that would carry attributes of its own, is misuse", () => {
  assert.equal(PUBLIC.setAccess("a".repeat(4096 - A.length), 1)[1].length > 4096, true)
  for (const value of [
    "",
    "a b",
    "a;Domain=evil.example",
    "a\r\nset-cookie: b=c",
    '"a"',
    "ä",
    "a".repeat(4097 - A.length),
  ]) {
    assert.throws(() => PUBLIC.setAccess(value, 1), MisuseError, value.slice(0, 20))
  }
  assert.throws(() => PUBLIC.setRefresh("a", Number.NaN), MisuseError)
  try {
    PUBLIC.setAccess("canary;canary", 1)
  } catch (error) {
    assert.ok(!String(error).includes("canary"))
  }
})

const READ: readonly (readonly [
  what: string,
  headers: readonly string[],
  access: string | undefined,
  duplicate?: string,
])[] = [
  ["a lone cookie", [`${A}=v`], "v"],
  ["one among others", [`x=1; ${A}=v; y=2`], "v"],
  ["no blank after the semicolon", [`x=1;${A}=v;y=2`], "v"],
  ["blanks and tabs around it", [` \t${A} \t= \tv\t ; x=1`], "v"],
  ["several header lines", ["x=1", `${A}=v`], "v"],
  ["another case of the name", [`${A.toUpperCase()}=v`], undefined],
  ["the prefix in another case", [`__host-http-access_token=v`], undefined],
  ["the name with a port", [`${A}_3000=v`], undefined],
  ["the name as the end of another", [`x${A}=v`], undefined],
  ["the name after a no-break space", [`\u00a0${A}=v`], undefined],
  ["the name inside a value", [`x=${A}=v`], undefined],
  ["the name in an escaped spelling", [`__Host%2DHttp-access_token=v`], undefined],
  ["a quoted value", [`${A}="v"`], undefined],
  ["an empty value", [`${A}=`], undefined],
  ["no value", [A], undefined],
  ["a value with an equals sign", [`${A}=v=`], undefined],
  ["a value with a comma", [`${A}=v,w`], undefined],
  ["a value with a blank inside", [`${A}=v w`], undefined],
  ["a value with a no-break space", [`${A}=v\u00a0`], undefined],
  ["an escaped value", [`${A}=%76`], undefined],
  ["a value longer than any token", [`${A}=${"v".repeat(8193)}`], undefined],
  ["the name twice", [`${A}=v; ${A}=w`], undefined, A],
  ["the name twice, the same value", [`${A}=v; ${A}=v`], undefined, A],
  ["the name twice, one without a value", [`${A}; ${A}=v`], undefined, A],
  ["the name twice, one with blanks", [`${A}=v;${A} =w`], undefined, A],
  ["the name three times in three lines", [`${A}=v`, `${A}=w`, `${A}=x`], undefined, A],
  ["another of ours twice", [`${R}=v; ${A}=a; ${R}=w`], "a", R],
  ["a foreign name twice", [`x=1; x=2; ${A}=v`], "v"],
  ["nothing but semicolons", [";;; ; ;"], undefined],
  ["more than any header", [`${A}=v; x=${"y".repeat(40_000)}`], undefined],
]

for (const [what, headers, access, duplicate] of READ) {
  test(`reads ${what}`, () => {
    const read = PUBLIC.read(headers, [])
    assert.deepEqual([read.access, read.duplicate], [access, duplicate])
    assert.equal(read.anyCookie, true)
  })
}

test("reads all three, and says when there is no cookie", () => {
  assert.deepEqual(PUBLIC.read([`${D}=d; ${R}=r; ${A}=a`], []), {
    access: "a",
    refresh: "r",
    device: "d",
    bearer: undefined,
    anyCookie: true,
    duplicate: undefined,
  })
  assert.equal(PUBLIC.read([], []).anyCookie, false)
  assert.equal(PUBLIC.read([""], []).anyCookie, false)
})

test("on loopback the neighbour's cookies are not ours", () => {
  const policy = policyFor("http://localhost:3000")
  assert.equal(policy.read([`${A}_4000=n; ${A}_3000=v; ${A}=w`], []).access, "v")
})

test("reads a bearer token, marks a malformed one, and leaves other schemes alone", () => {
  const bearer = (...values: string[]): string | undefined => PUBLIC.read([], values).bearer
  assert.equal(bearer(), undefined)
  for (const good of ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c", "Bearer\ta.b.c ", " Bearer a.b.c"]) {
    assert.equal(bearer(good), "a.b.c", good)
  }
  for (const bad of [
    "Bearer",
    "Bearer ",
    "Bearer a b",
    "Bearer a,b",
    "Bearer a, Bearer b",
    "Bearer,a",
    'Bearer "a"',
    "Bearer a=",
    `Bearer ${"a".repeat(9000)}`,
  ]) {
    assert.equal(bearer(bad), "", bad.slice(0, 20))
  }
  for (const other of ["Basic YTpi", "Bearera.b.c", "DPoP a.b.c", "a.b.c", "", "Basic Bearer a.b.c"]) {
    assert.equal(bearer(other), undefined, other)
  }
  assert.equal(PUBLIC.read([], ["Bearer a", "Bearer b"]).duplicate, "authorization")
})

test("cuts the refresh cookie out and leaves the rest as it was", () => {
  const cases = [
    [`${R}=r`, ""],
    [`${R}=r; x=1`, "x=1"],
    [`x=1; ${R}=r`, "x=1"],
    [`x=1; ${R}=r; y="2"`, 'x=1; y="2"'],
    [`${R}=r; x=1; ${R}=s;${R}`, "x=1"],
    [`x=1; ${R} =r`, "x=1"],
    [`x=${R}`, `x=${R}`],
    [`x=1; ${R}_3000=r`, `x=1; ${R}_3000=r`],
    [`${A}=a`, `${A}=a`],
    ["", ""],
  ] as const
  for (const [before, then] of cases) assert.equal(PUBLIC.stripRefresh(before), then, before)
})

test("the line holds while every name binds its cookie to this host", () => {
  const judged = (names: readonly string[], topology = "one-host"): string =>
    state({ cookie: { topology, names } } as unknown as Facts).state
  assert.equal(judged(Object.values(PUBLIC.names)), "partial")
  assert.equal(judged(Object.values(policyFor("http://localhost:3000").names), "loopback-http"), "partial")
  assert.equal(judged([A, "refresh_token"]), "fails")
  assert.equal(judged([]), "fails")
})
