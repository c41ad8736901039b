import type { Clock } from "../core/clock.ts"
import type { Logger } from "../core/logger.ts"
import { openSqlite, planSqlite } from "./sqlite/index.ts"
import { type RestoreInput, restoreSqlite } from "./sqlite/restore.ts"
import type { DatabasePlace, MigrationPlan, Restored, Store } from "./store.ts"

/**
 * Opens the store of a place and brings its schema up to date.
 * @param options `exclusive`: as the service; a file has one, a server any number. `clock`: SQLite's; a server has its own.
 * @throws MisuseError when the place or what stands there is not for this program
 * @throws UnavailableError when it cannot be reached or used
 */
export async function openStore(
  place: DatabasePlace,
  options: { readonly exclusive: boolean; readonly clock?: Clock; readonly logger?: Logger },
): Promise<Store> {
  if (place.kind === "sqlite") return openSqlite({ ...options, path: place.path })
  // Its driver is optional, and only loaded by who has such a database.
  const { openPostgres } = await import("./postgres/index.ts")
  const { logger } = options
  return openPostgres({ ...place, ...(logger === undefined ? {} : { logger }) })
}

/** What opening would change; changes nothing. @throws like `openStore` */
export async function planStore(place: DatabasePlace): Promise<MigrationPlan> {
  if (place.kind === "sqlite") return planSqlite(place.path)
  const { planPostgres } = await import("./postgres/index.ts")
  return planPostgres(place)
}

/** @throws MisuseError `store.no_schema`, `store.no_right` when a server's role could not copy every row; like `openStore` */
export async function checkReadable(place: DatabasePlace): Promise<void> {
  if (place.kind === "sqlite") return
  const { checkPostgresReadable } = await import("./postgres/index.ts")
  await checkPostgresReadable(place.direct ?? place.url)
}

/**
 * Puts a backup in the place of a database, in which then no session or token from before is left.
 * @param input `undump` brings a dump into a PostgreSQL, in which there is no schema of ours at that moment
 * @throws MisuseError, UnavailableError, and what `undump` throws; then the database is as it was
 */
export async function replaceDatabase(
  place: DatabasePlace,
  input: Omit<RestoreInput, "path"> & { readonly undump: (url: string, file: string) => Promise<void> },
): Promise<Restored> {
  if (place.kind === "sqlite") return restoreSqlite({ ...input, path: place.path })
  const { restorePostgres } = await import("./postgres/index.ts")
  const url = place.direct ?? place.url
  return restorePostgres({ ...input, url, undump: () => input.undump(url, input.from) })
}
