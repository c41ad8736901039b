import assert from "node:assert/strict"
import { test } from "node:test"
import { Faults } from "../../core/misuse.ts"
import { type RedisConnection, readRedis } from "./index.ts"

function read(input: unknown) {
  const faults = new Faults()
  return { policy: readRedis(input, faults), faults: faults.list }
}

test("an address is read part by part", () => {
  const table: [string, Record<string, unknown>][] = [
    ["redis://127.0.0.1", { host: "127.0.0.1", port: 6379, tls: false, database: 0 }],
    ["redis://localhost:7000/2", { host: "localhost", port: 7000, database: 2 }],
    ["redis://[::1]:7000/", { host: "::1", port: 7000, database: 0 }],
    ["rediss://:secret@redis.example.com", { host: "redis.example.com", tls: true, username: undefined }],
    ["rediss://me:a%2Fb%25@redis.example.com:1", { username: "me", password: "a/b%", port: 1 }],
    ["redis://:secret@redis", { host: "redis", username: undefined, password: "secret" }],
  ]
  for (const [input, wanted] of table) {
    const { policy, faults } = read(input)
    assert.deepEqual(faults, [], input)
    assert.ok(policy?.kind === "address")
    for (const [name, value] of Object.entries(wanted))
      assert.equal(policy.address[name as keyof typeof policy.address], value, `${input} ${name}`)
  }
  assert.equal(read(undefined).policy, undefined)
})

test("what is no address is a fault, and a password is never repeated", () => {
  const table: [unknown, string][] = [
    ["", "redis.address"],
    ["127.0.0.1:6379", "redis.address"],
    ["http://me:canary@127.0.0.1", "redis.address"],
    ["redis://", "redis.address"],
    ["redis://me:canary@127.0.0.1/main", "redis.address"],
    ["redis://me:canary@127.0.0.1/1/2", "redis.address"],
    ["redis://127.0.0.1?password=canary", "redis.address"],
    ["redis://127.0.0.1#canary", "redis.address"],
    ["redis://me:canary%zz@127.0.0.1", "redis.address"],
    ["rediss://redis.example.com", "redis.no_password"],
    ["redis://canary@redis", "redis.no_password"],
    ["redis://10.0.0.5:6379", "redis.no_password"],
    [5, "redis.address"],
    [null, "redis.address"],
    [{ send() {} }, "redis.address"],
  ]
  for (const [input, code] of table) {
    const { policy, faults } = read(input)
    assert.equal(policy, undefined)
    assert.deepEqual(
      faults.map((fault) => [fault.code, fault.path]),
      [[code, "redis"]],
      JSON.stringify(input),
    )
    assert.doesNotMatch(JSON.stringify(faults), /canary/)
  }
})

test("in clear only to this machine or a network that the internet does not reach", () => {
  const near = ["127.9.9.9", "localhost", "[::1]", "10.0.0.5", "172.16.0.1", "172.31.255.1", "192.168.1.1"]
  const named = [
    "redis",
    "redis.internal",
    "cache.local",
    "redis.default.svc.cluster.local",
    "[fd00::1]",
    "[fe80::1]",
  ]
  for (const host of [...near, ...named]) assert.deepEqual(read(`redis://:canary@${host}`).faults, [], host)
  const far = [
    "redis.example.com",
    "8.8.8.8",
    "172.32.0.1",
    "11.0.0.1",
    "[2001:db8::1]",
    "10.0.0.5.example.com",
  ]
  for (const host of [...far, "localhost.example.com", "internal.example"]) {
    const { policy, faults } = read(`redis://:canary@${host}`)
    assert.equal(policy, undefined, host)
    assert.equal(faults[0]?.code, "redis.plain", host)
    assert.deepEqual(read(`rediss://:canary@${host}`).faults, [], host)
  }
})

test("a connection of your own is taken as it is", () => {
  const connection: RedisConnection = { send: async () => null, subscribe: async () => () => {} }
  assert.deepEqual(read(connection), { policy: { kind: "connection", connection }, faults: [] })
})
