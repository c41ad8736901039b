/** Callbacks that are not this browser's, this flow's, this provider's, or no answers at all. */
import assert from "node:assert/strict"
import { after, before, beforeEach, describe, it } from "node:test"
import { type Finished, oidc } from "../../src/checklist/oauth/index.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import type { Refusal } from "../../src/core/verdict.ts"
import { type Hostile, json, openHostile, part } from "./hostile-provider.ts"
import {
  assertFinished,
  assertRefused,
  begin,
  callback,
  ORIGIN,
  openStage,
  type Stage,
  type Started,
} from "./stage.ts"

const CLIENT = "nightlatch"

interface Scene {
  readonly stage: Stage
  readonly honest: Hostile
  /** The flow under attack, at `honest`. */
  readonly mine: Started
  /** Another flow at the same provider, of another browser. */
  readonly foreign: Started
  /** A flow at the provider `evil`. */
  readonly evil: Started
}

type Attack = (scene: Scene) => Promise<Finished | Refusal>
const at =
  (
    provider: string,
    query: (scene: Scene) => URLSearchParams,
    cookie: (scene: Scene) => string | undefined,
  ): Attack =>
  (scene) =>
    scene.stage.oauth.finish(provider, query(scene), cookie(scene))
const own = ({ mine }: Scene) => mine.begun.cookie.value
/** The right callback and cookie, with something more, less or otherwise. */
const mine = (change: (query: URLSearchParams, scene: Scene) => void): Attack =>
  at(
    "honest",
    (scene) => {
      const query = callback(scene.mine.state)
      change(query, scene)
      return query
    },
    own,
  )

/** None of them may reach a token endpoint: a code that was sent is a code that was stolen. */
const ATTACKS: readonly (readonly [title: string, code: string, attack: Attack])[] = [
  ["no state", "oauth.state", mine((query) => query.delete("state"))],
  ["an empty state", "oauth.state", mine((query) => query.set("state", ""))],
  ["a state of another form", "oauth.state", mine((query) => query.set("state", "1"))],
  [
    "a state with one character more",
    "oauth.state",
    mine((query, { mine }) => query.set("state", `${mine.state}A`)),
  ],
  [
    "a state that begins like ours",
    "oauth.state",
    mine((query, { mine, foreign }) => query.set("state", mine.state.slice(0, 8) + foreign.state.slice(8))),
  ],
  [
    "a state in another case",
    "oauth.state",
    mine((query, { mine }) =>
      query.set(
        "state",
        mine.state.slice(0, 8) +
          [...mine.state.slice(8)]
            .map((letter) => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()))
            .join(""),
      ),
    ),
  ],
  [
    "the state of another flow",
    "oauth.state",
    mine((query, { foreign }) => query.set("state", foreign.state)),
  ],
  [
    "no cookie (a fresh browser)",
    "oauth.state",
    at(
      "honest",
      ({ mine }) => callback(mine.state),
      () => undefined,
    ),
  ],
  [
    "an empty cookie",
    "oauth.state",
    at(
      "honest",
      ({ mine }) => callback(mine.state),
      () => "",
    ),
  ],
  [
    "a cookie of nobody's",
    "oauth.state",
    at(
      "honest",
      ({ mine }) => callback(mine.state),
      () => part("x".repeat(60)),
    ),
  ],
  [
    "a cookie of a megabyte",
    "oauth.state",
    at(
      "honest",
      ({ mine }) => callback(mine.state),
      () => "A".repeat(1_000_000),
    ),
  ],
  [
    "the cookie of another flow",
    "oauth.state",
    at(
      "honest",
      ({ mine }) => callback(mine.state),
      ({ foreign }) => foreign.begun.cookie.value,
    ),
  ],
  [
    "cookie and state of another provider's flow",
    "oauth.state",
    at(
      "honest",
      ({ evil }) => callback(evil.state),
      ({ evil }) => evil.begun.cookie.value,
    ),
  ],
  [
    "cookie and state at another provider's callback",
    "oauth.state",
    at("evil", ({ mine }) => callback(mine.state), own),
  ],
  [
    "a provider that is not configured",
    "oauth.provider",
    at("acme", ({ mine }) => callback(mine.state), own),
  ],
  [
    "a provider with the name of a member",
    "oauth.provider",
    at("constructor", ({ mine }) => callback(mine.state), own),
  ],
  ["two states", "oauth.response", mine((query, { mine }) => query.append("state", mine.state))],
  ["two codes", "oauth.response", mine((query) => query.append("code", "another"))],
  [
    "two issuers",
    "oauth.response",
    mine((query, { honest }) => {
      query.append("iss", honest.issuer)
      query.append("iss", honest.issuer)
    }),
  ],
  [
    "a parameter of nobody's twice",
    "oauth.response",
    mine((query) => {
      query.append("x", "1")
      query.append("x", "2")
    }),
  ],
  ["neither code nor error", "oauth.response", mine((query) => query.delete("code"))],
  ["an empty code", "oauth.response", mine((query) => query.set("code", ""))],
  ["an ID token beside the code", "oauth.response", mine((query) => query.set("id_token", "x"))],
  ["an access token beside the code", "oauth.response", mine((query) => query.set("token", "x"))],
  ["a signed response", "oauth.response", mine((query) => query.set("response", "x.y.z"))],
  [
    "another provider's issuer",
    "oauth.issuer",
    mine((query, { evil }) => query.set("iss", evil.location.origin)),
  ],
  [
    "an issuer with a slash more",
    "oauth.issuer",
    mine((query, { honest }) => query.set("iss", `${honest.issuer}/`)),
  ],
  ["an empty issuer", "oauth.issuer", mine((query) => query.set("iss", ""))],
  [
    "a no of the person",
    "oauth.denied",
    mine((query) => {
      query.delete("code")
      query.set("error", "access_denied")
    }),
  ],
  ["a no beside a code", "oauth.denied", mine((query) => query.set("error", "access_denied"))],
  ["an error of the provider", "oauth.response", mine((query) => query.set("error", "invalid_scope"))],
  [
    "an error with somebody's text",
    "oauth.response",
    mine((query) => query.set("error", "<script>canary-text")),
  ],
  [
    "a no for another flow",
    "oauth.state",
    mine((query, { foreign }) => {
      query.set("state", foreign.state)
      query.set("error", "access_denied")
    }),
  ],
]

describe("a callback", () => {
  let honest: Hostile
  let evil: Hostile
  let scene: Scene
  before(async () => {
    honest = await openHostile(CLIENT)
    evil = await openHostile(CLIENT)
  })
  after(() => Promise.all([honest.close(), evil.close()]))
  beforeEach(async () => {
    honest.metadata = {}
    await stageAgain()
  })

  async function stageAgain(): Promise<void> {
    const stage = openStage([
      oidc({ name: "honest", issuer: honest.issuer, clientId: CLIENT, clientSecret: "s" }),
      oidc({ name: "evil", issuer: evil.issuer, clientId: CLIENT, clientSecret: "s" }),
    ])
    scene = {
      stage,
      honest,
      mine: await begin(stage, "honest"),
      foreign: await begin(stage, "honest"),
      evil: await begin(stage, "evil"),
    }
    for (const hostile of [honest, evil]) {
      hostile.received.length = 0
      hostile.answers.set("/token", (request, response) => {
        const { nonce } =
          [scene.mine, scene.foreign, scene.evil].find(({ location }) =>
            location.href.startsWith(hostile.issuer),
          ) ?? scene.mine
        json(response, 200, {
          access_token: `access-${request.body.get("code")}`,
          token_type: "bearer",
          id_token: hostile.mint({ claims: hostile.claims(nonce, scene.stage.now) }),
        })
      })
    }
  }

  const sent = () =>
    [honest, evil].flatMap(({ received }) => received.filter(({ path }) => path === "/token"))

  for (const [title, code, attack] of ATTACKS) {
    it(`is refused with ${title}, and no code leaves this service`, async () => {
      const refusal = assertRefused(await attack(scene), code)
      assert.equal(sent().length, 0)
      const told = JSON.stringify([refusal, scene.stage.logged])
      for (const secret of [scene.mine.state.slice(8), own(scene), "the-code", "canary-text"]) {
        assert.ok(!told.includes(secret), told)
      }
    })
  }

  it("is finished when it is ours", async () => {
    const { oauth, now } = scene.stage
    const finished = assertFinished(await oauth.finish("honest", callback(scene.mine.state), own(scene)))
    assert.deepEqual(finished.intent, { purpose: "sign-in", returnTo: "/orders?open=1" })
    assert.equal(finished.expiresAt, now + 660_000)
    assert.equal(finished.identity.emailProved, false)
    const [request] = sent()
    assert.equal(request?.body.get("redirect_uri"), `${ORIGIN.origin}/auth/oauth/honest/callback`)
    assert.equal(request?.body.get("code"), "the-code")
    assert.equal(request?.body.get("code_verifier")?.length, 43)
    assert.equal(evil.received.filter(({ path }) => path === "/token").length, 0)
  })

  it("is finished when it names its issuer, and then does not need the promise", async () => {
    const query = callback(scene.mine.state, { iss: honest.issuer })
    assertFinished(await scene.stage.oauth.finish("honest", query, own(scene)))
  })

  it("needs the issuer where the metadata promise it", async () => {
    honest.metadata = { authorization_response_iss_parameter_supported: true }
    await stageAgain()
    const { oauth } = scene.stage
    assertRefused(await oauth.finish("honest", callback(scene.mine.state), own(scene)), "oauth.issuer")
    assert.equal(sent().length, 0)
    const query = callback(scene.mine.state, { iss: honest.issuer })
    assertFinished(await oauth.finish("honest", query, own(scene)))
  })

  it("is good to the last millisecond of ten minutes", async () => {
    const { stage, mine, foreign } = scene
    stage.now += 599_999
    assertFinished(await stage.oauth.finish("honest", callback(mine.state), own(scene)))
    stage.now += 1
    const late = await stage.oauth.finish("honest", callback(foreign.state), foreign.begun.cookie.value)
    assertRefused(late, "oauth.expired")
    stage.now -= 600_000 + 60_001
    const early = await stage.oauth.finish("honest", callback(foreign.state), foreign.begun.cookie.value)
    assertRefused(early, "oauth.expired")
  })

  // RFC 9700, 4.4: the person chooses the evil provider, which sends the browser on to the honest one with the state of
  // its own flow, so that the honest provider's code is taken for its own and sent to it.
  for (const iss of [false, true]) {
    it(`of a mix-up ${iss ? "with" : "without"} an issuer in it gives no code away`, async () => {
      const { stage, evil: chosen } = scene
      const query = callback(chosen.state, iss ? { iss: honest.issuer } : {})
      const back = await stage.oauth.finish("honest", query, chosen.begun.cookie.value)
      assertRefused(back, "oauth.state")
      if (iss) {
        // The honest provider was talked into the evil one's redirect URI.
        const there = await stage.oauth.finish("evil", query, chosen.begun.cookie.value)
        assertRefused(there, "oauth.issuer")
      }
      assert.equal(sent().length, 0)
    })
  }

  it("is the provider's failure when the provider says so", async () => {
    for (const error of ["server_error", "temporarily_unavailable"]) {
      const query = new URLSearchParams({ error, state: scene.mine.state })
      await assert.rejects(scene.stage.oauth.finish("honest", query, own(scene)), UnavailableError)
    }
  })

  it("was attacked in at least 30 ways", (t) => {
    t.diagnostic(`${ATTACKS.length} callbacks that are refused before anything is sent`)
    assert.ok(ATTACKS.length >= 30)
  })
})
