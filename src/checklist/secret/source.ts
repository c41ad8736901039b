import { MisuseError } from "../../core/misuse.ts"
import { UnavailableError } from "../../core/unavailable.ts"

/**
 * Answers the root secrets, or a text with one: asked at the start, each minute, and whenever somebody says so. May stop
 * its work when the signal says that nobody waits any longer.
 */
export type SecretSource = (signal: AbortSignal) => Promise<string | readonly string[]>

/** A client of a secret manager that takes longer hangs. */
const ANSWER_MS = 10_000

/**
 * Asks a source, whatever it does.
 * @param stopped ends the wait early
 * @throws MisuseError as the source threw it; UnavailableError when it fails otherwise or does not answer in 10 s
 */
export async function askSource(
  source: SecretSource,
  { answerMs = ANSWER_MS, stopped }: { readonly answerMs?: number; readonly stopped?: AbortSignal } = {},
): Promise<unknown> {
  const over = new AbortController()
  const late = Promise.withResolvers<never>()
  const giveUp = (why: string) => () => {
    late.reject(new UnavailableError(why))
    over.abort()
  }
  const timer = setTimeout(giveUp(`the secrets did not come within ${answerMs / 1000} s`), answerMs)
  const onStop = giveUp("the service is stopping")
  stopped?.addEventListener("abort", onStop, { once: true })
  try {
    return await Promise.race([Promise.resolve(over.signal).then(source), late.promise])
  } catch (error) {
    if (error instanceof MisuseError || error instanceof UnavailableError) throw error
    // The message of somebody else's error may hold what the source was given: its kind alone is told.
    throw new UnavailableError(`the source of the secrets failed (${kindOf(error)})`)
  } finally {
    clearTimeout(timer)
    stopped?.removeEventListener("abort", onStop)
  }
}

function kindOf(error: unknown): string {
  const { code, name } = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>
  const kind = [code, name].find(
    (word) => typeof word === "string" && /^[A-Za-z][A-Za-z0-9_]{0,39}$/.test(word),
  )
  return typeof kind === "string" ? kind : "unknown error"
}
