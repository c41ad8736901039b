import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { Faults } from "../../core/misuse.ts"
import { placeOf, readDatabase } from "./index.ts"

const folder = mkdtempSync(join(tmpdir(), "nightlatch-url-"))
after(() => rmSync(folder, { recursive: true, force: true }))
const ROOT = join(folder, "root.pem")
writeFileSync(ROOT, "-----BEGIN CERTIFICATE-----\n")
const NOT_ROOT = join(folder, "other.pem")
writeFileSync(NOT_ROOT, "a host name\n")

const REMOTE = "postgres://app:marked-word@db.example.com:5432/app"
const LOCAL = "postgres://app:marked-word@127.0.0.1/app"

function read(database: unknown, direct?: unknown) {
  const faults = new Faults()
  const place = readDatabase({ database, ...(direct === undefined ? {} : { direct }) }, faults)
  assert.equal(place === undefined, faults.list.length > 0 || typeof database !== "string" || database === "")
  return { place, faults: faults.list }
}

for (const database of ["./data/nightlatch.db", ":memory:", "C:\\data\\n.db", "/srv/postgres/n.db"]) {
  test(`takes a path: ${database}`, () => {
    assert.deepEqual(read(database).place, { kind: "sqlite", path: database })
  })
}

for (const database of [
  REMOTE,
  `${REMOTE}?sslmode=verify-full`,
  `${REMOTE}?sslrootcert=${encodeURIComponent(ROOT)}`,
  `${REMOTE}?pool_size=4`,
  "postgresql://app@db.example.com/app",
  LOCAL,
  `${LOCAL}?sslmode=disable`,
  `${LOCAL}?sslmode=verify-full&sslrootcert=${ROOT}`,
  "postgres://app@[::1]:6432/app",
  "postgres://app@localhost/app",
  "postgres://app@localhost/app?host=/var/run/postgresql",
  "postgres://app@%2Fvar%2Frun%2Fpostgresql/app",
  "postgres://a%40pp:p%2Fq%3Fr@db.example.com/app",
]) {
  test(`takes a URL: ${database}`, () => {
    assert.deepEqual(read(database).place, { kind: "postgres", url: database })
  })
}

for (const [database, code] of [
  ["mysql://app@db.example.com/app", "database.unknown_engine"],
  ["https://db.example.com/app", "database.unknown_engine"],
  ["postgres://db.example.com/app", "database.url"],
  ["postgres://app:marked-word@db.example.com", "database.url"],
  ["postgres://app:marked-word@/app", "database.url"],
  ["postgres://app:marked-word@db.example.com/app/more", "database.url"],
  ["postgres://app:marked-word@db.example.com:port/app", "database.url"],
  ["postgres://app:marked-word%@db.example.com/app", "database.url"],
  ["postgres://app:marked-word#more@db.example.com/app", "database.url"],
  [`${LOCAL}?host=db.example.com`, "database.url"],
  ["postgres://app:postgres@db.example.com/main", "database.default_password"],
  ["postgres://app:ChangeMe@db.example.com/main", "database.default_password"],
  ["postgres://app:App@db.example.com/main", "database.default_password"],
  ["postgres://app:main@10.0.0.5/main", "database.default_password"],
  [`${REMOTE}?sslmode=disable`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=allow`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=prefer`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=require`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=verify-ca`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=no-verify`, "database.tls_unverified"],
  [`${LOCAL}?sslmode=require`, "database.tls_unverified"],
  [`${REMOTE}?sslmode=verify`, "database.sslmode"],
  [`${LOCAL}?sslrootcert=${ROOT}`, "database.sslmode"],
  ["postgres://app@localhost/app?host=/run&sslmode=verify-full", "database.sslmode"],
  [`${REMOTE}?sslrootcert=${NOT_ROOT}`, "database.root_certificate"],
  [`${REMOTE}?sslrootcert=/nowhere/root.pem`, "database.root_certificate"],
  [`${REMOTE}?sslmodes=verify-full`, "database.unknown_parameter"],
  [`${REMOTE}?options=-c%20x`, "database.unknown_parameter"],
  [`${REMOTE}?sslmode=verify-full&sslmode=disable`, "database.parameter_twice"],
  [`${REMOTE}?pool_size=0`, "database.pool_size"],
  [`${REMOTE}?pool_size=1e2`, "database.pool_size"],
  // 127.0.0.1 as a name's beginning, or as somebody else's number, is a network.
  ["postgres://app@127.0.0.1.example.com/app?sslmode=disable", "database.tls_unverified"],
  ["postgres://app@db.localhost/app?sslmode=disable", "database.tls_unverified"],
  ["postgres://app:postgres@db.localhost/main", "database.default_password"],
  ["postgres://app@10.0.0.5/app?sslmode=disable", "database.tls_unverified"],
  ["postgres://app@0x7f000001/app?sslmode=disable", "database.tls_unverified"],
] as const) {
  test(`refuses ${database}`, () => {
    const { faults } = read(database)
    assert.deepEqual(
      faults.map((fault) => fault.code),
      [code],
    )
    assert.ok(!JSON.stringify(faults).includes("marked-word"))
  })
}

test("hints at the parameter that was meant, and repeats no other", () => {
  assert.match(read(`${REMOTE}?sslmodes=x`).faults[0]?.fix ?? "", /Did you mean sslmode\?/)
  const half = read("postgres://app:half?marked-word@db.example.com/app")
  assert.deepEqual(
    half.faults.map(({ code }) => code),
    ["database.url"],
  )
  assert.ok(!JSON.stringify(read(`${REMOTE}?marked-word=1`)).includes('marked-word"'))
})

test("the direct URL is judged like the other, and belongs to a server", () => {
  const place = read(LOCAL, "postgres://app@127.0.0.1:5433/app").place
  assert.deepEqual(place, { kind: "postgres", url: LOCAL, direct: "postgres://app@127.0.0.1:5433/app" })
  const weak = read(LOCAL, `${REMOTE}?sslmode=require`).faults
  assert.deepEqual(
    weak.map(({ code, path }) => [code, path]),
    [["database.tls_unverified", "databaseDirect"]],
  )
  assert.equal(read("./n.db", LOCAL).faults[0]?.code, "database.direct_of_file")
})

test("a place is told without the user and the password", () => {
  assert.equal(placeOf({ kind: "postgres", url: REMOTE }), "postgres://db.example.com:5432/app")
  assert.equal(placeOf({ kind: "sqlite", path: "./n.db" }), "./n.db")
})
