/**
 * Attack: a secret that leaked and that nobody can change without an outage is not changed; and a source that answers rubbish
 * for a minute ends every session.
 * Promise: other secrets are taken up while requests run. A source that fails, or answers what no start would be allowed
 * with, changes nothing: the last good list stays, the log and the checklist say why. Source: ASVS 13.3.4, 11.1.1.
 */
import type { Logger } from "../../core/logger.ts"
import { Faults, MisuseError } from "../../core/misuse.ts"
import type { KeyRing, Replaced } from "./key-ring.ts"
import { judgeSecrets } from "./options.ts"
import { askSource, type SecretSource } from "./source.ts"

export interface SecretRenewal {
  /** Asks now; when somebody asks already, once more after that, since it may have begun before the change. Never rejects. */
  renew(): Promise<void>
  /** Asks each minute from now on. */
  start(): void
  stop(): Promise<void>
  /** Undefined when the secrets are fixed. */
  describe(): RenewalState | undefined
}

interface RenewalState {
  /** Since the source last gave a list that was good. */
  readonly ageMs: number
  /** What went wrong the last time; undefined when nothing did. */
  readonly fault: string | undefined
}

const EVERY_MS = 60_000
const REMOVED = "secret: another list is in use; whatever a removed secret signed is refused from now on"

export function createRenewal(input: {
  /** Undefined: the secrets are fixed. */
  readonly source: SecretSource | undefined
  readonly ring: KeyRing
  readonly logger: Logger
  /** After other secrets were taken up. */
  readonly onReplaced: () => void
}): SecretRenewal {
  const { source, ring, logger } = input
  const stopped = new AbortController()
  let goodAt = performance.now()
  let fault: string | undefined
  let asking: Promise<void> | undefined
  let again: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function ask(from: SecretSource): Promise<void> {
    try {
      const secrets = read(await askSource(from, { stopped: stopped.signal }))
      if (stopped.signal.aborted) return
      goodAt = performance.now()
      if (fault !== undefined) logger.info({}, "secret: the source answers well again")
      fault = undefined
      const replaced = ring.replace(secrets)
      if (replaced === undefined) return
      tell(replaced)
      input.onReplaced()
    } catch (error) {
      if (stopped.signal.aborted) return
      const reason = reasonOf(error)
      if (reason !== fault)
        logger.error({ reason }, "secret: no renewal; the secrets from before stay in use")
      fault = reason
    }
  }

  function tell(replaced: Replaced): void {
    const fields = { ...replaced, secrets: ring.count }
    if (replaced.removed === 0) logger.info(fields, "secret: another list is in use")
    else logger.warn(fields, REMOVED)
  }

  function renew(): Promise<void> {
    if (source === undefined || stopped.signal.aborted) return Promise.resolve()
    if (asking !== undefined) {
      again ??= asking.then(() => {
        again = undefined
        return renew()
      })
      return again
    }
    asking = ask(source).finally(() => {
      asking = undefined
    })
    return asking
  }

  return {
    renew,
    start() {
      if (source === undefined) return
      timer = setInterval(() => {
        if (asking === undefined) void renew()
      }, EVERY_MS)
      timer.unref()
    },
    async stop() {
      clearInterval(timer)
      stopped.abort()
      await asking
    },
    describe: () => (source === undefined ? undefined : { ageMs: performance.now() - goodAt, fault }),
  }
}

function read(answer: unknown): readonly string[] {
  const faults = new Faults()
  const secrets = judgeSecrets(answer, faults)
  faults.throwIfAny()
  return secrets
}

/** Of faults the first: none of them repeats a secret. */
function reasonOf(error: unknown): string {
  if (error instanceof MisuseError) {
    const [first] = error.faults
    return first === undefined ? "unknown" : `${first.problem} [${first.code}]`
  }
  return error instanceof Error ? error.message : "unknown"
}
