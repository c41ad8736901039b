import pg from "pg"
import type { Clock } from "../../src/core/clock.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { createDatabaseWithRoles } from "./postgres-server.ts"

export interface ClockedDatabase {
  /** A store of the restricted role; each of its verbs first writes down what time it is. */
  open(): Promise<Store>
  /** After its stores are closed. */
  drop(): Promise<void>
}

/**
 * A database that tells the time of `clock`: the functions that all statements ask for it are replaced in this one.
 * @param reach the URL by which the service goes there, when something stands between
 */
export async function createClockedDatabase(
  clock: Clock,
  reach: (database: { readonly url: string; readonly service: string }) => Promise<string> = async ({
    service,
  }) => service,
): Promise<ClockedDatabase> {
  const database = await createDatabaseWithRoles()
  await (await openPostgres({ url: database.owner })).close()
  const url = await reach(database)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    CREATE TABLE public.clock (now bigint NOT NULL);
    INSERT INTO public.clock VALUES (0);
    GRANT SELECT ON public.clock TO PUBLIC;
    CREATE OR REPLACE FUNCTION nightlatch.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    BEGIN ATOMIC SELECT now FROM public.clock; END;
    CREATE OR REPLACE FUNCTION nightlatch.bucket_now() RETURNS double precision LANGUAGE sql VOLATILE
    BEGIN ATOMIC SELECT now - 1767225600000 FROM public.clock; END`)
  let told = Number.NaN
  let telling: Promise<unknown> = Promise.resolve()
  const tell = (): Promise<unknown> => {
    if (told !== clock()) {
      told = clock()
      telling = client.query("UPDATE public.clock SET now = $1", [told])
    }
    return telling
  }
  return {
    open: async () => onClock(await openPostgres({ url }), tell),
    async drop() {
      await client.end()
      await database.drop()
    },
  }
}

/** One store on such a database, which goes with it. */
export async function openOnClock(...input: Parameters<typeof createClockedDatabase>): Promise<Store> {
  const database = await createClockedDatabase(...input)
  const store = await database.open()
  let closed: Promise<void> | undefined
  return {
    ...store,
    close() {
      closed ??= store.close().then(() => database.drop())
      return closed
    },
  }
}

function onClock(store: Store, tell: () => Promise<unknown>): Store {
  let closed = false
  const verbs = Object.entries(store).map(([name, verb]) => [
    name,
    async (...input: unknown[]) => {
      if (!closed) await tell()
      return (verb as (...input: unknown[]) => unknown)(...input)
    },
  ])
  const close = (): Promise<void> => {
    closed = true
    return store.close()
  }
  return { ...(Object.fromEntries(verbs) as Store), describe: store.describe, close }
}
