/** The good way through a real provider: oidc-provider, certified by the OpenID Foundation, driven by plain HTTP. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { after, before, describe, it } from "node:test"
import Provider from "oidc-provider"
import { type Oauth, type OidcOptions, oidc } from "../../src/checklist/oauth/index.ts"
import { assertFinished, assertRefused, begin, openStage, type Stage, type Started } from "./stage.ts"

const CALLBACK = "http://localhost:3000/auth/oauth/acme/callback"

/** A browser's part: keeps cookies, follows redirects inside the provider, says yes or no in its forms. */
class Person {
  readonly #cookies = new Map<string, string>()

  async visit(address: URL, says: "yes" | "no" = "yes"): Promise<URL> {
    let url = address
    let form: string | undefined
    for (let step = 0; step < 20; step++) {
      if (url.href.startsWith(CALLBACK)) return url
      const response = await fetch(url, {
        redirect: "manual",
        headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
      })
      form = undefined
      for (const line of response.headers.getSetCookie()) {
        const [name = "", value = ""] = (line.split(";")[0] ?? "").split("=")
        this.#cookies.set(name, value)
      }
      const page = await response.text()
      const location = response.headers.get("location")
      if (location !== null) {
        url = new URL(location, url)
        continue
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1]
      assert.ok(prompt !== undefined, `${response.status} ${page.slice(0, 300)}`)
      if (says === "no") url = new URL(`${url.pathname}/abort`, url)
      else form = prompt === "login" ? "prompt=login&login=ada&password=any" : `prompt=${prompt}`
    }
    throw new Error("the provider leads in circles")
  }
}

describe("a certified provider", () => {
  let server: Server
  let issuer = ""
  let stage: Stage
  before(async () => {
    server = createServer((_request, response) => response.writeHead(503).end())
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const provider = new Provider(issuer, {
      clients: [
        { client_id: "basic", client_secret: "a secret of the tests", redirect_uris: [CALLBACK] },
        {
          client_id: "public",
          redirect_uris: [CALLBACK],
          token_endpoint_auth_method: "none",
        },
        {
          client_id: "post",
          client_secret: "another secret of the tests",
          redirect_uris: [CALLBACK],
          token_endpoint_auth_method: "client_secret_post",
        },
        { client_id: "elsewhere", client_secret: "x", redirect_uris: ["https://elsewhere.example/callback"] },
      ],
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: "ada@example.com", email_verified: true, name: "Ada" }),
      }),
      pkce: { required: () => true },
      cookies: { keys: ["a cookie key of the tests"] },
    })
    server.removeAllListeners("request")
    server.on("request", provider.callback())
  })
  after(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, "close")
  })

  function open(clientId: string, clientSecret?: string, more: Partial<OidcOptions> = {}): void {
    const secret = clientSecret === undefined ? {} : { clientSecret }
    stage = openStage([
      oidc({ name: "acme", issuer, clientId, ...secret, emailProof: "verified-claim", ...more }),
    ])
    // This provider has no clock but the machine's.
    stage.now = Date.now()
  }

  function finish(back: URL, { begun }: Started): ReturnType<Oauth["finish"]> {
    stage.now = Date.now()
    return stage.oauth.finish("acme", back.searchParams, begun.cookie.value)
  }

  it("signs a person in, with its issuer in the answer, and accepts each code once", async () => {
    open("basic", "a secret of the tests")
    const started = await begin(stage, "acme")
    const back = await new Person().visit(started.location)
    assert.equal(back.searchParams.get("iss"), issuer)
    const finished = assertFinished(await finish(back, started))
    assert.deepEqual(finished.identity, {
      provider: "acme",
      issuer,
      subject: "ada",
      email: "ada@example.com",
      emailProved: true,
      name: "Ada",
    })
    const replayed = assertRefused(await finish(back, started), "oauth.response")
    assert.match(replayed.reason, /invalid_grant/)
  })

  it("refuses the callback without its issuer, since its metadata promise it", async () => {
    open("basic", "a secret of the tests")
    const started = await begin(stage, "acme")
    const back = await new Person().visit(started.location)
    back.searchParams.delete("iss")
    assertRefused(await finish(back, started), "oauth.issuer")
  })

  it("signs a public client's person in, protected by PKCE alone", async () => {
    open("public")
    const started = await begin(stage, "acme")
    assertFinished(await finish(await new Person().visit(started.location), started))
  })

  it("takes a code only with the verifier of its own flow", async () => {
    open("public")
    const first = await begin(stage, "acme")
    const second = await begin(stage, "acme")
    const back = await new Person().visit(first.location)
    const code = back.searchParams.get("code") ?? ""
    // The code is injected into another flow of the same service: state, cookie and issuer are right.
    const query = new URLSearchParams({ code, iss: issuer, state: second.state })
    const injected = await stage.oauth.finish("acme", query, second.begun.cookie.value)
    assert.match(assertRefused(injected, "oauth.response").reason, /invalid_grant/)
  })

  it("is asked a second time without a word, and gives the same subject", async () => {
    open("basic", "a secret of the tests")
    const person = new Person()
    const subjects = []
    for (let time = 0; time < 2; time++) {
      const started = await begin(stage, "acme")
      const { identity } = assertFinished(await finish(await person.visit(started.location), started))
      subjects.push(`${identity.issuer} ${identity.subject}`)
    }
    assert.equal(new Set(subjects).size, 1)
  })

  it("tells when the person says no", async () => {
    open("basic", "a secret of the tests")
    const started = await begin(stage, "acme")
    assertRefused(await finish(await new Person().visit(started.location, "no"), started), "oauth.denied")
  })

  it("takes its secret in the body from a client that is registered so", async () => {
    open("post", "another secret of the tests")
    const started = await begin(stage, "acme")
    assertFinished(await finish(await new Person().visit(started.location), started))
  })

  it("refuses a service with the wrong secret, which its operator hears of", async () => {
    open("post", "a wrong secret of the tests")
    const started = await begin(stage, "acme")
    const back = await new Person().visit(started.location)
    await assert.rejects(finish(back, started), { name: "UnavailableError", message: /invalid_client/ })
    assert.match(stage.logged.join("\n"), /refuses this service/)
    assert.doesNotMatch(stage.logged.join("\n"), /wrong secret of the tests/)
  })

  it("does not send anybody to a redirect URI that is not registered", async () => {
    open("elsewhere", "x")
    const { location } = await begin(stage, "acme")
    const response = await fetch(location, { redirect: "manual" })
    assert.equal(response.status, 400)
    assert.match(await response.text(), /redirect_uri/)
  })
})
