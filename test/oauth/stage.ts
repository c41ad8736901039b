/** An engine between a browser that is three values and a provider that a test plays. */
import assert from "node:assert/strict"
import { ENDPOINTS } from "../../src/checklist/oauth/connection.ts"
import {
  type Begun,
  type Finished,
  type Oauth,
  type OauthIntent,
  type Provider,
  readOauth,
} from "../../src/checklist/oauth/index.ts"
import { createOauthIn, type World } from "../../src/checklist/oauth/oauth.ts"
import { KeyRing } from "../../src/checklist/secret/index.ts"
import type { Logger } from "../../src/core/logger.ts"
import { Faults } from "../../src/core/misuse.ts"
import type { Refusal } from "../../src/core/verdict.ts"

export const ORIGIN: URL = new URL("http://localhost:3000")
export const SIGN_IN: OauthIntent = { purpose: "sign-in", returnTo: "/orders?open=1" }

export interface Stage {
  readonly oauth: Oauth
  readonly logged: string[]
  /** The service's time in milliseconds; tests move it. */
  now: number
}

export function openStage(providers: unknown, world: Partial<World> = {}): Stage {
  const faults = new Faults()
  const policy = readOauth(providers, { origin: ORIGIN, basePath: "/auth", loopback: true }, faults)
  faults.throwIfAny()
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  const logger: Logger = { info: log, warn: log, error: log }
  const keys = new KeyRing(["a secret of the tests, which never leaves them"], ORIGIN).keys("oauth-flow")
  const stage: Stage = {
    // Years from the machine's own time: whoever reads that instead fails here.
    now: 1_900_000_000_000,
    logged,
    oauth: createOauthIn(
      // Long, because machines are busy; what tests slowness sets its own.
      { endpoints: ENDPOINTS, timeoutMs: 60_000, ...world },
      { policy, keys, clock: () => stage.now, logger },
    ),
  }
  return stage
}

export interface Started {
  readonly begun: Begun
  readonly location: URL
  readonly state: string
  readonly nonce: string
}

export async function begin(stage: Stage, provider: string, intent: OauthIntent = SIGN_IN): Promise<Started> {
  const begun = await stage.oauth.begin(provider, intent)
  assert.ok(begun.kind === "begun", JSON.stringify(begun))
  const location = new URL(begun.location)
  const { searchParams } = location
  return {
    begun,
    location,
    state: searchParams.get("state") ?? "",
    nonce: searchParams.get("nonce") ?? "",
  }
}

/** The callback as the provider makes it, with more or other parameters. */
export function callback(state: string, more: Readonly<Record<string, string>> = {}): URLSearchParams {
  return new URLSearchParams({ code: "the-code", state, ...more })
}

export function assertRefused(result: Finished | Refusal | Begun, code: string): Refusal {
  assert.ok(result.kind === "refusal", `${code} was expected, it went well`)
  assert.equal(result.refusal.code, code, result.reason)
  return result
}

export function assertFinished(result: Finished | Refusal): Finished {
  assert.ok(result.kind === "finished", JSON.stringify(result))
  return result
}

/** An engine whose well-known providers all live at one address of this machine. */
export function openStandIn(at: string, provider: Provider): Stage {
  const endpoints = { google: at, github: at, githubApi: at, microsoft: at, apple: at }
  return openStage([provider], { endpoints })
}
