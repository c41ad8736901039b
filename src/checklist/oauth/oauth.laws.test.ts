import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { toBase64url } from "../../core/bytes.ts"
import { readAnswering } from "./callback.ts"
import {
  type Flow,
  flowTag,
  isOver,
  MOST_VALUE_CHARACTERS,
  openFlow,
  randomText,
  sealFlow,
  tagOf,
} from "./flow-cookie.ts"
import { formPostTarget } from "./form-post.ts"
import { peek } from "./id-token.ts"
import { decideLink } from "./linking.ts"
import type { ProviderPolicy } from "./policy.ts"

const runs = { numRuns: process.env.NIGHTLATCH_TEST_SCALE === "long" ? 20_000 : 500 }

const bytes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
const key = bytes(32)
const text43 = bytes(32).map(toBase64url)
const provider = fc.stringMatching(/^[a-z][a-z0-9-]{0,31}$/)
const plain = { noNullPrototype: true } as const
const intent = fc.oneof(
  fc.record(
    { purpose: fc.constant("sign-in" as const), returnTo: fc.string({ unit: "binary", maxLength: 200 }) },
    plain,
  ),
  fc.record(
    {
      purpose: fc.constant("link" as const),
      returnTo: fc.webPath(),
      accountId: fc.string(),
      sessionId: fc.string(),
    },
    plain,
  ),
)
const startedAt = fc.integer({ min: 0, max: 2 ** 45 })
const flow: fc.Arbitrary<Flow> = fc.record(
  { state: text43, verifier: text43, nonce: text43, startedAt, intent },
  plain,
)
const tag = ({ state }: Flow) => flowTag(state)

test("what was sealed is opened, whole, by whichever of the keys sealed it", () => {
  fc.assert(
    fc.property(
      fc.array(key, { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      provider,
      flow,
      (keys, at, name, it) => {
        const sealer = keys[at % keys.length] as Uint8Array
        const sealed = sealFlow([sealer, ...keys], name, it)
        assert.match(sealed, /^[A-Za-z0-9._~-]+$/)
        for (const order of [keys, keys.toReversed(), [sealer]]) {
          assert.deepEqual(openFlow(order, name, tag(it), sealed), it)
        }
      },
    ),
    runs,
  )
})

test("the first key seals: without it nothing opens", () => {
  fc.assert(
    fc.property(key, key, provider, flow, (first, second, name, it) => {
      fc.pre(Buffer.compare(first, second) !== 0)
      assert.equal(openFlow([second], name, tag(it), sealFlow([first, second], name, it)), undefined)
      assert.equal(openFlow([], name, tag(it), sealFlow([first], name, it)), undefined)
    }),
    runs,
  )
  assert.throws(() => sealFlow([], "acme", {} as Flow), TypeError)
})

test("any bit changed, any byte less or more opens nothing", () => {
  fc.assert(
    fc.property(key, provider, flow, fc.nat(), bytes(1), (k, name, it, position, more) => {
      const whole = Buffer.from(sealFlow([k], name, it), "base64url")
      const changed = Buffer.from(whole)
      const at = position % (changed.length * 8)
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
      for (const other of [
        changed,
        whole.subarray(1),
        whole.subarray(0, -1),
        whole.subarray(0, position % whole.length),
        Buffer.concat([whole, more]),
        Buffer.concat([more, whole]),
      ]) {
        assert.equal(openFlow([k], name, tag(it), toBase64url(other)), undefined)
      }
    }),
    runs,
  )
})

test("there is one spelling of a sealed value", () => {
  const it = {
    state: randomText(),
    verifier: "",
    nonce: "",
    startedAt: 0,
    intent: { purpose: "sign-in", returnTo: "" },
  } as const
  const k = Buffer.alloc(32, 7)
  for (const returnTo of ["", "x", "xx"]) {
    const sealed = sealFlow([k], "acme", { ...it, intent: { purpose: "sign-in", returnTo } })
    for (const other of [
      `${sealed}=`,
      `${sealed}==`,
      ` ${sealed}`,
      `${sealed}\n`,
      sealed.replace(/.$/, "$&$&"),
      `${sealed}A`,
    ]) {
      assert.equal(openFlow([k], "acme", tag(it), other), undefined)
    }
    assert.ok(openFlow([k], "acme", tag(it), sealed) !== undefined)
    const last = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].filter(
      (letter) => openFlow([k], "acme", tag(it), sealed.slice(0, -1) + letter) !== undefined,
    )
    assert.deepEqual(last, [sealed.at(-1)])
  }
})

test("another provider or another flow opens nothing, also when names and tags run into each other", () => {
  fc.assert(
    fc.property(key, provider, provider, flow, flow, (k, mine, other, it, it2) => {
      fc.pre(mine !== other && tag(it) !== tag(it2))
      const sealed = sealFlow([k], mine, it)
      assert.equal(openFlow([k], other, tag(it), sealed), undefined)
      assert.equal(openFlow([k], mine, tag(it2), sealed), undefined)
      assert.equal(openFlow([k], mine, "", sealed), undefined)
      // The same bytes side by side, cut elsewhere.
      assert.equal(openFlow([k], mine + tag(it)[0], tag(it).slice(1), sealed), undefined)
      assert.equal(openFlow([k], mine.slice(0, -1), (mine.at(-1) ?? "") + tag(it), sealed), undefined)
    }),
    runs,
  )
})

test("two seals of one flow have nothing in common that could be compared", () => {
  fc.assert(
    fc.property(key, provider, flow, (k, name, it) => {
      const [a, b] = [sealFlow([k], name, it), sealFlow([k], name, it)]
      assert.notEqual(a.slice(0, 16), b.slice(0, 16))
      assert.notEqual(a.slice(-22), b.slice(-22))
    }),
    runs,
  )
})

test("any text at all is opened as nothing, without an exception", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map(toBase64url),
    fc.constantFrom("", "A", "A".repeat(MOST_VALUE_CHARACTERS), "A".repeat(MOST_VALUE_CHARACTERS + 1)),
  )
  fc.assert(
    fc.property(key, provider, fc.string(), hostile, (k, name, asked, sealed) => {
      assert.equal(openFlow([k], name, asked, sealed), undefined)
    }),
    runs,
  )
})

test("a flow lasts from a minute before its beginning to the last millisecond of ten minutes", () => {
  fc.assert(
    fc.property(flow, fc.integer({ min: -700_000, max: 700_000 }), (it, age) => {
      assert.equal(isOver(it, it.startedAt + age), age < -60_000 || age >= 600_000)
    }),
    runs,
  )
  const it = { startedAt: 1_000_000 } as Flow
  const edges = [-60_001, -60_000, 599_999, 600_000].map((age) => isOver(it, it.startedAt + age))
  assert.deepEqual(edges, [true, false, false, true])
})

test("the tag is asked for by exactly one state of our form", () => {
  fc.assert(
    fc.property(text43, fc.string(), (state, other) => {
      assert.equal(tagOf(new URLSearchParams({ state })), state.slice(0, 8))
      assert.equal(
        tagOf(
          new URLSearchParams([
            ["state", state],
            ["state", other],
          ]),
        ),
        undefined,
      )
      assert.equal(tagOf(new URLSearchParams({ State: state })), undefined)
      const ours = /^[A-Za-z0-9_-]{43}$/.test(other)
      assert.equal(tagOf(new URLSearchParams({ state: other })), ours ? other.slice(0, 8) : undefined)
    }),
    runs,
  )
  assert.equal(tagOf(new URLSearchParams()), undefined)
  assert.equal(tagOf(new URLSearchParams({ state: `${"A".repeat(43)}\n` })), undefined)
})

test("random texts are 256 bits, in the form of a PKCE verifier, and never the same", () => {
  const texts = Array.from({ length: 200 }, randomText)
  assert.equal(new Set(texts).size, 200)
  for (const text of texts) {
    assert.match(text, /^[A-Za-z0-9_-]{43}$/)
    assert.equal(Buffer.from(text, "base64url").length, 32)
  }
})

test("a posted form leads to the callback or nowhere, with nothing but the answer", () => {
  const apple = {
    callbackUri: "https://api.example.com/auth/oauth/apple/callback",
    formPost: { path: "/auth/oauth/apple/form-post", foreignOrigin: "https://appleid.apple.com" },
  } as ProviderPolicy
  const name = fc.constantFrom("code", "state", "iss", "error", "user", "id_token", "error_description", "x")
  const body = fc.array(fc.tuple(name, fc.string({ unit: "binary", maxLength: 50 })), { maxLength: 8 })
  fc.assert(
    fc.property(body, (pairs) => {
      const target = formPostTarget(apple, new URLSearchParams(pairs))
      if (target === undefined) return
      const url = new URL(target)
      assert.equal(`${url.origin}${url.pathname}${url.hash}`, apple.callbackUri)
      assert.ok(url.searchParams.has("state"))
      const given = new URLSearchParams(pairs)
      for (const [passed, value] of url.searchParams) {
        assert.ok(["code", "state", "iss", "error"].includes(passed))
        assert.deepEqual(given.getAll(passed), [value])
      }
    }),
    runs,
  )
})

test("an ID token is read in one form only", () => {
  const part = (value: unknown) => toBase64url(Buffer.from(JSON.stringify(value)))
  const claims = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue({ maxDepth: 3 }))
  fc.assert(
    fc.property(
      claims,
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(),
      fc.constantFrom(..."=+/ .\n~"),
      (it, mac, at, put) => {
        fc.pre(!JSON.stringify(it).includes("__proto__"))
        const token = `${part({ alg: "RS256" })}.${part(it)}.${toBase64url(mac)}`
        assert.deepEqual(peek(token), JSON.parse(JSON.stringify(it)))
        const place = at % (token.length + 1)
        assert.equal(peek(token.slice(0, place) + put + token.slice(place)), undefined)
      },
    ),
    runs,
  )
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.anything()), (any) => {
      assert.equal(peek(any), undefined)
    }),
    runs,
  )
})

test("an issuer of a template is one tenant of the same host, and nothing else", () => {
  const template = "https://login.microsoftonline.com/{tenantid}/v2.0"
  fc.assert(
    fc.property(fc.oneof(fc.uuid(), fc.string({ unit: "binary", maxLength: 40 })), (tenant) => {
      const iss = template.replace("{tenantid}", () => tenant)
      const answer = readAnswering({ issuer: template }, new URLSearchParams({ iss }))
      const wellFormed = /^[0-9a-f-]{36}$/.test(tenant)
      assert.equal(typeof answer === "string", wellFormed || tenant === "{tenantid}")
      assert.ok(typeof answer !== "string" || answer === iss)
      const plain = readAnswering({ issuer: "https://login.example.com" }, new URLSearchParams({ iss }))
      assert.notEqual(typeof plain, "string")
    }),
    runs,
  )
})

test("nobody enters an account by an address without proof on both sides", () => {
  const facts = fc.record({
    identityKnown: fc.boolean(),
    accountByEmail: fc.option(fc.record({ verified: fc.boolean(), disabled: fc.boolean() }), {
      nil: undefined,
    }),
    emailProved: fc.boolean(),
    registrationOpen: fc.boolean(),
  })
  fc.assert(
    fc.property(facts, (given) => {
      const decision = decideLink(given)
      const proved = given.emailProved && given.accountByEmail?.verified === true
      assert.ok(decision !== "link-and-sign-in" || (proved && !given.accountByEmail?.disabled))
      assert.equal(decision === "sign-in", given.identityKnown)
      assert.ok(decision !== "create" || (given.registrationOpen && given.accountByEmail === undefined))
    }),
    runs,
  )
})
