import * as z from "zod"
import { type Faults, nearest, readBySchema } from "../../core/misuse.ts"
import type { OauthPolicy, ProviderPolicy } from "./policy.ts"
import type { Provider, ProviderKind } from "./provider.ts"
import { type Given, type Own, readProvider } from "./read-provider.ts"

export interface OauthOptions {
  /** Default none: nobody signs in this way. */
  readonly providers: readonly Provider[]
}

const each = z.unknown().optional()
const BY_NAME = z.strictObject({
  google: each,
  github: each,
  microsoft: each,
  apple: each,
  oidc: z.array(z.unknown()).optional(),
})
const WRAPPED = z.strictObject({ providers: each })
const KINDS: readonly ProviderKind[] = ["google", "github", "microsoft", "apple", "oidc"]

/**
 * Reads the providers: a list as `google()`, `oidc()` and so on make it, or `{ google: {…}, oidc: [{…}] }`, either one
 * also below `providers`. Never throws; what is wrong becomes faults.
 */
export function readOauth(input: unknown, own: Own, faults: Faults): OauthPolicy {
  const providers: ProviderPolicy[] = []
  const paths = new Map<string, string>()
  for (const given of listOf(input, "oauth", faults)) {
    const policy = readProvider(given, own, faults)
    if (policy === undefined) continue
    const known = paths.get(policy.name)
    if (known !== undefined) {
      const problem = `${known} has the name "${policy.name}" too`
      faults.add("oauth.duplicate", given.path, problem, "Give each provider a name of its own.")
      continue
    }
    paths.set(policy.name, given.path)
    providers.push(policy)
  }
  return Object.freeze({ providers: Object.freeze(providers) })
}

function listOf(input: unknown, path: string, faults: Faults): readonly Given[] {
  if (input === undefined) return []
  if (Array.isArray(input)) {
    return input.flatMap((options: unknown, index) => kindOf(options, `${path}.${index}`, faults))
  }
  if (typeof input === "object" && input !== null && "providers" in input && path === "oauth") {
    const wrapped = readBySchema(WRAPPED, input, path, faults)
    return wrapped === undefined ? [] : listOf(wrapped.providers, "oauth.providers", faults)
  }
  const named = readBySchema(BY_NAME, input, path, faults)
  if (named === undefined) return []
  const { oidc, ...rest } = named
  return [
    ...KINDS.flatMap((kind) => {
      const options = kind === "oidc" ? undefined : rest[kind]
      return options === undefined ? [] : [{ kind, options, path: `${path}.${kind}` }]
    }),
    ...(oidc ?? []).map(
      (options, index): Given => ({ kind: "oidc", options, path: `${path}.oidc.${index}` }),
    ),
  ]
}

function kindOf(options: unknown, path: string, faults: Faults): readonly Given[] {
  const kind = typeof options === "object" && options !== null && "kind" in options ? options.kind : undefined
  const known = KINDS.find((each) => each === kind)
  if (known !== undefined) return [{ kind: known, options, path }]
  const near = typeof kind === "string" ? nearest(kind, KINDS) : undefined
  const fix = near === undefined ? `Known kinds: ${KINDS.join(", ")}.` : `Did you mean "${near}"?`
  faults.add("oauth.kind", `${path}.kind`, "it does not say which kind of provider this is", fix)
  return []
}
