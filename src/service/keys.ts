/** What is known of the root secrets: those that are configured here, and those that running instances have. */
import {
  askSource,
  judgeRotation,
  judgeSecrets,
  KeyRing,
  type Rotation,
  secretIdOf,
} from "../checklist/secret/index.ts"
import { readSession } from "../checklist/session/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { openDatabase } from "./administration.ts"
import { type Configuration, renameFaults } from "./configuration.ts"

export interface KeyRow {
  /** From 1; undefined for one that running instances have and that is not configured here. */
  readonly position: number | undefined
  /** Derived: nothing of the secret. */
  readonly id: string
  readonly does: "signs and verifies" | "verifies" | "not configured here"
  /** How many running instances have it. */
  readonly instances: number
  /** When the last of them took it up, in milliseconds since 1970; undefined when none has it. */
  readonly since: number | undefined
  /** When one last had it in the first place; undefined when none ever had. */
  readonly signedAt: number | undefined
}

export interface Keys {
  /** By the database's clock. */
  readonly now: number
  readonly origin: string
  readonly source: string
  readonly rows: readonly KeyRow[]
  /** Host and process of each running instance. */
  readonly instances: readonly string[]
  readonly rotation: Rotation
}

/**
 * @throws MisuseError when there is no secret, one is not good, or there is no database; UnavailableError when secrets or
 * database do not answer
 */
export async function readKeys(configuration: Configuration): Promise<Keys> {
  const origin = String(configuration.options.origin)
  const ids = await configuredIds(configuration, new URL(origin))
  const store = await openDatabase(configuration, { make: false })
  const { now, secrets, holders } = await store.listSecrets().finally(() => store.close())
  const instances = Map.groupBy(holders, ({ instance }) => instance)
  const others = holders.map(({ secret }) => secret).filter((id) => !ids.includes(id))
  const known = (id: string) => secrets.find((each) => each.id === id)
  const rows = [...ids, ...new Set(others)].map((id, place): KeyRow => {
    const having = holders.filter(({ secret }) => secret === id)
    const configured = place < ids.length
    return {
      position: configured ? place + 1 : undefined,
      id,
      does: configured ? (place === 0 ? "signs and verifies" : "verifies") : "not configured here",
      instances: having.length,
      since: having.length === 0 ? undefined : Math.max(...having.map(({ since }) => since)),
      signedAt: known(id)?.signedAt,
    }
  })
  const faults = new Faults()
  const { absoluteMs } = readSession(configuration.options.session, faults)
  faults.throwIfAny()
  const rotation = judgeRotation({
    now,
    sessionMs: absoluteMs,
    secrets: ids.map((id) => ({ id, knownAt: known(id)?.knownAt, signedAt: known(id)?.signedAt })),
    instances: [...instances.values()].map((own) => own.map(({ secret: id, since }) => ({ id, since }))),
  })
  return {
    now,
    origin,
    source: configuration.secret.source ?? "the configuration file",
    rows,
    instances: [...instances.values()].map((own) => own[0]?.address ?? ""),
    rotation,
  }
}

async function configuredIds(
  { secret, options, sources }: Configuration,
  origin: URL,
): Promise<readonly string[]> {
  const faults = new Faults()
  const given = secret.ask === undefined ? options.secret : await askSource(secret.ask)
  const secrets = judgeSecrets(given, faults)
  if (faults.list.length > 0) throw new MisuseError(renameFaults(faults.list, sources))
  return new KeyRing(secrets, origin).keys("secret-id").list.map(secretIdOf)
}
