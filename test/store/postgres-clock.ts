import pg from "pg"
import type { Clock } from "../../src/core/clock.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { createDatabaseWithRoles } from "./postgres-server.ts"

/**
 * A store that works as the restricted role, and whose database tells the time of `clock`: the one function that all statements ask is replaced in this database,
 * and each verb first writes down what time it is.
 * @param reach the URL by which the service goes there, when something stands between
 */
export async function openOnClock(
  clock: Clock,
  reach: (database: { readonly service: string }) => Promise<string> = async ({ service }) => service,
): Promise<Store> {
  const database = await createDatabaseWithRoles()
  await (await openPostgres({ url: database.owner })).close()
  const store = await openPostgres({ url: await reach(database) })
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    CREATE TABLE public.clock (now bigint NOT NULL);
    INSERT INTO public.clock VALUES (0);
    GRANT SELECT ON public.clock TO PUBLIC;
    CREATE OR REPLACE FUNCTION nightlatch.now_ms() RETURNS bigint LANGUAGE sql VOLATILE
    BEGIN ATOMIC SELECT now FROM public.clock; END`)
  let told = Number.NaN
  let telling: Promise<unknown> = Promise.resolve()
  const tell = () => {
    if (told !== clock()) {
      told = clock()
      telling = client.query("UPDATE public.clock SET now = $1", [told])
    }
    return telling
  }
  let closed: Promise<void> | undefined
  const close = async () => {
    await Promise.all([store.close(), client.end()])
    await database.drop()
  }
  const verbs = Object.entries(store).map(([name, verb]) => [
    name,
    async (...input: unknown[]) => {
      if (closed === undefined) await tell()
      return (verb as (...input: unknown[]) => unknown)(...input)
    },
  ])
  return {
    ...(Object.fromEntries(verbs) as Store),
    describe: store.describe,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
