import { readSecrets, type SecretSource } from "../checklist/secret/index.ts"
import { Faults } from "../core/misuse.ts"

const LEAST_BYTES = 32
const CODE = "configuration.operator_token"
const FIX = "Make one: nightlatch secret"

/** The token that opens the checklist outside development; as strong as a root secret, and fit for a header. */
export function readOperatorToken(
  value: unknown,
  source: string | undefined,
  faults: Faults,
): string | undefined {
  if (value === undefined) return undefined
  const path = source ?? "operatorToken"
  if (typeof value !== "string") {
    faults.add(CODE, path, "it is not a text", FIX)
    return undefined
  }
  if (!/^[\x21-\x7e]{1,512}$/.test(value)) {
    faults.add(CODE, path, "it has blanks or characters that a header cannot carry, or is too long", FIX)
    return undefined
  }
  if (value.length < LEAST_BYTES) {
    faults.add(CODE, path, `it is shorter than ${LEAST_BYTES} bytes`, FIX)
    return undefined
  }
  const judged = new Faults()
  readSecrets(value, new URL("http://localhost"), judged)
  const [fault] = judged.list
  if (fault === undefined) return value
  faults.add(CODE, path, fault.problem, FIX)
  return undefined
}

/** The operator's token opens the checklist, the secret everything. */
export function addSame(sources: ReadonlyMap<string, string>, faults: Faults): void {
  faults.add(
    "configuration.operator_token",
    sources.get("operatorToken") ?? "operatorToken",
    "it is the root secret itself",
    "Make another one: nightlatch secret",
  )
}

/** A source whose answers are compared with the operator's token, as fixed secrets are. */
export function apartFrom(
  operatorToken: string | undefined,
  ask: SecretSource | undefined,
  sources: ReadonlyMap<string, string>,
): SecretSource | undefined {
  if (ask === undefined || operatorToken === undefined) return ask
  return async (signal) => {
    const secrets = await ask(signal)
    const faults = new Faults()
    if ([secrets].flat().includes(operatorToken)) addSame(sources, faults)
    faults.throwIfAny()
    return secrets
  }
}
