import type { ProviderPolicy } from "./policy.ts"

/** More than any provider's code and state; what is longer is not theirs. */
const MOST_CHARACTERS = 4_096

/** All that the GET callback reads. Apple also posts the person's name in clear and an ID token: neither goes into an address. */
const PASSED = ["code", "state", "iss", "error"] as const

/**
 * Where a browser that a provider made POST to us is sent by 303, so that the Lax cookie of the flow comes along.
 * Nothing is judged or stored here.
 * @returns the GET callback with the answer in its query; undefined when the body is no answer
 */
export function formPostTarget(provider: ProviderPolicy, body: URLSearchParams): string | undefined {
  if (provider.formPost === undefined) return undefined
  const target = new URL(provider.callbackUri)
  for (const name of PASSED) {
    const [value, ...more] = body.getAll(name)
    if (more.length > 0) return undefined
    if (value !== undefined) target.searchParams.set(name, value)
  }
  const answers = target.searchParams.has("code") !== target.searchParams.has("error")
  return answers && target.searchParams.has("state") && target.search.length <= MOST_CHARACTERS
    ? target.href
    : undefined
}
