import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { describe, it } from "node:test"
import { createChallenge, solveChallenge, verifySolution } from "altcha-lib/v1"
import { sha256 } from "../../core/bytes.ts"
import { type AltchaChallenge, makeAltcha, readAltcha } from "./altcha.ts"
import { writeAnswer } from "./answer.ts"

// The library takes its key as text; ours are bytes.
const KEY = "0123456789abcdef0123456789abcdef"
const keys = [Buffer.from(KEY)]
const EXPIRES = Math.floor(Date.now() / 1000) + 600
const MAX = 2_000

const make = (route = "register", key: Uint8Array = keys[0] as Buffer): AltchaChallenge =>
  makeAltcha(key, { route, expires: EXPIRES, maxNumber: MAX })

async function solve({ challenge, salt, algorithm, maxnumber, signature }: AltchaChallenge) {
  const solution = await solveChallenge(challenge, salt, algorithm, maxnumber).promise
  assert.ok(solution !== null)
  return { algorithm, challenge, number: solution.number, salt, signature }
}

describe("the library altcha-lib", () => {
  it("solves ours, and takes the solution for good as we do", async () => {
    const challenge = make()
    const payload = writeAnswer(await solve(challenge))
    assert.equal(await verifySolution(payload, KEY), true)
    const id = Buffer.from(challenge.challenge, "hex")
    assert.deepEqual(readAltcha(keys, payload), { route: "register", expires: EXPIRES, id })
  })

  it("makes challenges whose solutions are good here", async () => {
    for (const saltLength of [12, 32]) {
      const made = await createChallenge({
        hmacKey: KEY,
        maxnumber: MAX,
        saltLength,
        expires: new Date(EXPIRES * 1000),
        params: { route: "password-forgot" },
      })
      const payload = writeAnswer({ ...(await solve(made as AltchaChallenge)), took: 12 })
      const read = readAltcha(keys, payload)
      assert.deepEqual([read?.route, read?.expires], ["password-forgot", EXPIRES])
    }
  })

  it("makes challenges that are refused here: no route, no end, another algorithm or key", async () => {
    const expires = new Date(EXPIRES * 1000)
    const params = { route: "register" }
    for (const given of [
      { hmacKey: KEY, expires },
      { hmacKey: KEY, params },
      { hmacKey: KEY, params, expires, algorithm: "SHA-512" as const },
      { hmacKey: KEY, params, expires, algorithm: "SHA-1" as const },
      { hmacKey: "another key than ours", params, expires },
      { hmacKey: KEY, params: { ...params, admin: "yes" }, expires },
    ]) {
      const made = await createChallenge({ ...given, maxnumber: 50 })
      const payload = writeAnswer(await solve(made as AltchaChallenge))
      assert.equal(await verifySolution(payload, given.hmacKey), true)
      assert.equal(readAltcha(keys, payload), undefined, made.salt)
    }
  })
})

describe("a solution", () => {
  it("is good under each secret that verifies", async () => {
    const payload = writeAnswer(await solve(make()))
    assert.ok(readAltcha([Buffer.alloc(32, 7), ...keys], payload))
    assert.equal(readAltcha([Buffer.alloc(32, 7)], payload), undefined)
  })

  it("cannot lend digits of its number to the salt, and could not count twice if it did", async () => {
    for (let at = 0; at < 5; at++) {
      const { salt, number, ...rest } = await solve(make())
      const digits = String(number)
      for (let cut = 1; cut < digits.length; cut++) {
        const spliced = { ...rest, salt: salt + digits.slice(0, cut), number: Number(digits.slice(cut)) }
        assert.equal(readAltcha(keys, writeAnswer(spliced)), undefined)
        // With a salt that ends without its mark, as before CVE-2025-68113, the end would be another one.
        const moved = salt.replace(/&$/, digits.slice(0, cut))
        assert.equal(
          readAltcha(keys, writeAnswer({ ...rest, salt: moved, number: Number(digits.slice(cut)) })),
          undefined,
        )
      }
    }
  })

  it("is nothing when anything of it is changed", async () => {
    const good = await solve(make())
    const bad: readonly object[] = [
      { ...good, number: good.number + 1 },
      { ...good, number: String(good.number) },
      { ...good, number: good.number + 0.5 },
      { ...good, number: -1 },
      { ...good, number: 1e300 },
      { ...good, number: null },
      { ...good, algorithm: "sha-256" },
      { ...good, algorithm: "SHA-512" },
      { ...good, algorithm: ["SHA-256"] },
      { ...good, salt: good.salt.replace("register", "login") },
      { ...good, salt: good.salt.replace(String(EXPIRES), String(EXPIRES + 1)) },
      { ...good, salt: good.salt.replace("&expires", "&expires=1&expires") },
      { ...good, salt: `${good.salt} ` },
      { ...good, salt: [good.salt] },
      { ...good, challenge: good.challenge.toUpperCase() },
      { ...good, challenge: sha256("x").toString("hex") },
      { ...good, signature: good.signature.toUpperCase() },
      { ...good, signature: good.signature.slice(2) },
      { ...good, signature: "" },
      { ...good, signature: { $ne: null } },
      { ...good, took: "12" },
      { ...good, more: 1 },
      {},
    ]
    assert.ok(readAltcha(keys, writeAnswer(good as never)))
    for (const each of bad)
      assert.equal(readAltcha(keys, writeAnswer(each as never)), undefined, JSON.stringify(each))
  })

  it("is read in one spelling alone", async () => {
    const good = await solve(make())
    const text = writeAnswer(good)
    const json = JSON.stringify(good)
    const encode = (inner: string | Buffer) => Buffer.from(inner).toString("base64")
    for (const each of [
      "",
      text.replace(/=+$/, "") + "==".repeat(2),
      `${text}\n`,
      ` ${text}`,
      text.replace("e", "-"),
      encode(`[${json}]`),
      encode(json.replace("{", `{"number":1,`)),
      encode(json.replace("{", `{"__proto__":{},`)),
      encode(json.slice(0, -1)),
      encode("null"),
      encode(Buffer.from([0xff, 0xfe])),
      encode(`${json}${" ".repeat(8_000)}`),
    ])
      assert.equal(readAltcha(keys, each), undefined, each.slice(0, 80))
  })

  it("needs the signature of exactly the result: one over salt and number is none", async () => {
    const { salt, number, challenge, algorithm } = await solve(make())
    const signature = createHmac("sha256", KEY).update(`${salt}${number}`).digest("hex")
    assert.equal(readAltcha(keys, writeAnswer({ salt, number, challenge, algorithm, signature })), undefined)
  })
})
