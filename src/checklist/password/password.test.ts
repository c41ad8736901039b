import assert from "node:assert/strict"
import { availableParallelism } from "node:os"
import { test } from "node:test"
import { hash as argon2Hash } from "@node-rs/argon2"
import type { Facts } from "../../core/facts.ts"
import { Faults } from "../../core/misuse.ts"
import { BLOCKLIST_SIZE, createPasswords, type Fairness, readPassword, state } from "./index.ts"
import { readPhc } from "./phc.ts"

const GOOD = "violet kettle ninety moss"
const WHO: Fairness = { network: "192.0.2.0/24", account: "ada@example.com" }

function passwords(options: object = {}) {
  const faults = new Faults()
  const policy = readPassword(options, faults)
  faults.throwIfAny()
  return createPasswords({ policy, contextWords: ["orders.example.com"] })
}

async function hashOf(password: string, options: object = {}): Promise<string> {
  const made = await passwords(options).hash(password, WHO)
  assert.ok(made.kind === "hashed")
  return made.hash
}

test("length is counted in characters after NFKC, and in bytes before", () => {
  const many = (text: string, count: number) =>
    Array.from({ length: count }, (_, at) => text + String.fromCharCode(0x3b1 + (at % 17))).join("")
  const table: [password: string, code: string | undefined][] = [
    ["", "password.too_short"],
    ["vkettle9 moss!", "password.too_short"],
    ["vxkettle9 moss!", undefined],
    ["🦊🐙🌵🎻🧲🪁🍉🛶🔭🧵🎲🪀🥝🎺", "password.too_short"],
    ["🦊🐙🌵🎻🧲🪁🍉🛶🔭🧵🎲🪀🥝🎺🪓", undefined],
    // One character that NFKC writes as three: ㎏ is kg, ﬃ is ffi.
    ["ﬃ㎏ﬃ㎏ﬃ", "password.too_short"],
    [`${many("w", 128)}`, undefined],
    [`${many("w", 128)}z`, "password.too_long"],
    ["ﷺ".repeat(15), "password.too_long"],
    ["a".repeat(1025), "password.too_long"],
    ["é".repeat(513), "password.too_long"],
    ["\ud800 violet kettle ninety", "password.malformed"],
    ["violet kettle ninety \udc00", "password.malformed"],
    ["   violet kettle ninety   ", undefined],
    ["violet\u0000kettle\nninety moss", undefined],
  ]
  for (const [password, code] of table) {
    assert.equal(passwords().check(password)?.refusal.code, code, JSON.stringify(password.slice(0, 40)))
  }
})

test("what a guesser tries first is refused in every dress", () => {
  const common = [
    "passwordpassword",
    "PasswordPassword1",
    "P@ssw0rd2024!!!",
    "p-a-s-s-w-o-r-d-1-2-3",
    "Pässwörd Pässwörd",
    "password1234567890",
    "123456789012345",
    "000000000000000",
    "987654321987654321",
    "qwertyuiopasdfgh",
    "QWERTZUIOPASDFG",
    "azertyuiopqsdfgh",
    "1qaz2wsx3edc4rfv",
    "q1w2e3r4t5y6u7i8",
    "zaq12wsxcde34rfv",
    "abcdefghijklmnop",
    "aaaaaaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabc",
    "xK9$q2xK9$q2xK9$q2",
    "iloveyoumichael1",
    "sunshine-princess",
    "Dragon.Monkey.1987",
    "Dragon Dragon 1987",
    "michael 12.03.1985",
    "Summer2024Summer2024",
    "letmeinletmein!!",
    "welcome1welcome1",
    "hunter2hunter2hunter2",
    "correct horse battery staple",
    "CorrectHorseBatteryStaple!",
    "winter is coming 2019",
    "to be or not to be, that is the question",
    "stairwaytoheaven",
    "Cristiano Ronaldo",
    "allyouneedislove",
    "avengedsevenfold7",
    "112233445566778899",
    "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
  ]
  for (const password of common) {
    assert.equal(passwords().check(password)?.refusal.code, "password.common", password)
  }
})

test("what a guesser does not try first passes, whatever it looks like", () => {
  const good = [
    GOOD,
    "purple elephant dances",
    "my dog has fleas, twice",
    "geheimes wort im wald",
    "Tr0ub4dor&3 and a goat",
    "kX7#mQ2!vR9@pL4",
    "482915730264918375",
    "пароль который никто не знает",
    "三匹の猫が月を見ている夜の庭で鳴く",
    "aaaaaaa violet kettle",
    "the only password I have got",
    "monday coffee tastes of rain",
  ]
  for (const password of good)
    assert.equal(passwords().check(password, ["ada@example.com"]), undefined, password)
})

test("what is known of the person and the service weighs next to nothing", () => {
  const table: [password: string, words: string[]][] = [
    ["ada.lovelace@example.com", ["ada.lovelace@example.com"]],
    ["AdaLovelace-1815!", ["ada.lovelace@example.com"]],
    ["lovelace lovelace 1", ["ada.lovelace@example.com"]],
    ["orders.example.com", []],
    ["OrdersExample2026!", []],
    ["4da-l0ve1ace-0rders", ["ada.lovelace@example.com"]],
  ]
  for (const [password, words] of table) {
    assert.equal(passwords().check(password, words)?.refusal.code, "password.common", password)
  }
  assert.equal(
    passwords({ contextWords: ["Nightlatch"] }).check("nightlatch-nightlatch")?.refusal.code,
    "password.common",
  )
  assert.equal(passwords().check("lovelace kettle ninety moss", ["ada.lovelace@example.com"]), undefined)
  assert.equal(passwords().check(GOOD, ["", "a", "@", "x".repeat(5000)]), undefined)
})

test("the list is larger than ASVS asks for, and its reasons name nothing", () => {
  assert.ok(BLOCKLIST_SIZE >= 3000)
  for (const password of ["brief", "passwordpassword", "x".repeat(2000), "\ud800 canary-canary"]) {
    const refusal = passwords().check(password)
    assert.equal(refusal?.refusal.status, 422)
    assert.doesNotMatch(JSON.stringify(refusal), /canary|passwordpassword|brief|xxx/)
  }
})

test("a hash is argon2id in PHC text with today's parameters and a fresh salt", async () => {
  const [one, other] = [await hashOf(GOOD), await hashOf(GOOD)]
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  assert.notEqual(one, other)
  assert.deepEqual(readPhc(one), { memoryKib: 19_456, passes: 2, parallelism: 1 })
})

test("only the password itself verifies, in any normal form, and nothing is cut or trimmed", async () => {
  const long = `${"violet kettle ".repeat(10)}é`
  const hash = await hashOf(long)
  const table: [password: string, ok: boolean][] = [
    [long, true],
    [long.normalize("NFD"), true],
    [long.normalize("NFC"), true],
    [long.slice(0, -1), false],
    [`${long} `, false],
    [` ${long}`, false],
    [long.toUpperCase(), false],
    [`${long.slice(0, -1)}e`, false],
    [`${long}\u0000`, false],
    ["", false],
    ["\ud800", false],
    ["x".repeat(5000), false],
  ]
  for (const [password, ok] of table) {
    const seen = await passwords().verify(hash, password, WHO)
    assert.deepEqual(seen, { kind: "verified", ok, rehash: false }, JSON.stringify(password.slice(-20)))
  }
})

test("a hash of other parameters verifies and asks to be made anew", async () => {
  const stronger = { memoryKib: 20_000, passes: 3 }
  const old = await hashOf(GOOD)
  assert.deepEqual(await passwords(stronger).verify(old, GOOD, WHO), {
    kind: "verified",
    ok: true,
    rehash: true,
  })
  assert.deepEqual(await passwords(stronger).verify(old, "wrong", WHO), {
    kind: "verified",
    ok: false,
    rehash: false,
  })
  const weak = await argon2Hash(GOOD, { memoryCost: 4096, timeCost: 1, parallelism: 2 })
  assert.deepEqual(await passwords().verify(weak, GOOD, WHO), { kind: "verified", ok: true, rehash: true })
})

test("what is no argon2id hash, or one that would cost minutes, never verifies and costs what any other does", async () => {
  const salt = "c29tZXNhbHRzb21lc2FsdA"
  const tag = "A".repeat(43)
  const strange = [
    "",
    "not a hash",
    GOOD,
    "$2b$10$abcdefghijklmnopqrstuuu",
    `$argon2id$v=19$m=1048576,t=5,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=4294967295,t=2,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=999999,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=99,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=8,t=2,p=4$${salt}$${tag}`,
    `$argon2id$v=19$t=2,m=19456,p=1$${salt}$${tag}`,
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${tag}\n`,
    `$argon2id$v=19$m=19456,t=2,p=1$$${tag}`,
  ]
  for (const hash of strange) {
    assert.equal(readPhc(hash), undefined, hash)
    const seen = await passwords().verify(hash, GOOD, WHO)
    assert.deepEqual(seen, { kind: "verified", ok: false, rehash: false }, hash)
  }
})

test("an account that does not exist takes the same way: one hash, whoever is asked for", async () => {
  const room = passwords()
  const hash = await hashOf(GOOD)
  for (const [name, stored] of [
    ["known", hash],
    ["unknown", undefined],
    ["invited", null],
  ] as const) {
    const before = room.describe().begun
    const pending = room.verify(stored, "a wrong password", WHO)
    assert.equal(room.describe().running, 1, name)
    assert.deepEqual(await pending, { kind: "verified", ok: false, rehash: false })
    assert.equal(room.describe().begun, before + 1, name)
  }
})

test("the event loop goes on while hashes run", async () => {
  const room = passwords()
  let turns = 0
  const timer = setInterval(() => turns++, 2)
  timer.unref()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: 12 }, (_, at) => room.hash(GOOD, { network: `n${at}`, account: `a${at}` })),
  )
  const took = performance.now() - start
  clearInterval(timer)
  assert.ok(turns > took / 20, `${turns} turns in ${took} ms`)
})

test("defaults are the minimum, and less stops the start", () => {
  const faults = new Faults()
  const policy = readPassword(undefined, faults)
  assert.deepEqual(faults.list, [])
  assert.deepEqual(policy, {
    minimumLength: 15,
    memoryKib: 19_456,
    passes: 2,
    concurrency: Math.max(1, Math.min(3, availableParallelism() - 1)),
    queueMs: 2000,
    contextWords: [],
  })
  const table: [object, string][] = [
    [{ minimumLength: 8 }, "password.minimum_length"],
    [{ minimumLength: 100 }, "password.minimum_length"],
    [{ memoryKib: 19_455 }, "password.weak_hash"],
    [{ passes: 1 }, "password.weak_hash"],
    [{ passes: 2.5 }, "password.weak_hash"],
    [{ concurrency: 0 }, "password.range"],
    [{ queueSeconds: 60 }, "password.range"],
    [{ memoryKib: 1_048_576, passes: 16 }, "password.range"],
    [{ contextWords: "acme" }, "option.invalid"],
    [{ pepper: "x" }, "option.unknown"],
    [{ minLength: 15 }, "option.unknown"],
  ]
  for (const [input, code] of table) {
    const found = new Faults()
    readPassword(input, found)
    assert.deepEqual(
      found.list.map((fault) => fault.code),
      [code],
      JSON.stringify(input),
    )
  }
})

test("the checklist line fails for a weak hash, a short minimum and a short list", () => {
  const facts = {
    enabled: true,
    memoryKib: 19_456,
    passes: 2,
    minimumLength: 15,
    blocklistSize: 9775,
    concurrency: 1,
    foreign: 0,
  }
  const lineOf = (change: object) => state({ password: { ...facts, ...change } } as unknown as Facts).state
  assert.equal(lineOf({}), "holds")
  assert.equal(lineOf({ enabled: false }), "holds")
  assert.equal(lineOf({ memoryKib: 1024 }), "fails")
  assert.equal(lineOf({ passes: 1 }), "fails")
  assert.equal(lineOf({ minimumLength: 8 }), "fails")
  assert.equal(lineOf({ blocklistSize: 100 }), "fails")
  assert.equal(lineOf({ foreign: 1 }), "weakened")
})
