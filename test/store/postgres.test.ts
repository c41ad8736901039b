import pg from "pg"
import type { Clock } from "../../src/core/clock.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import type { Store } from "../../src/store/store.ts"
import { storeContract } from "../../src/testing/store-contract.ts"
import { createDatabase, withServer } from "./postgres-server.ts"

/**
 * A store whose database tells the time of `clock`: the one function that all statements ask is replaced in this database,
 * and each verb first writes down what time it is.
 */
async function openOnClock(clock: Clock): Promise<Store> {
  const database = await createDatabase()
  const store = await openPostgres({ url: database.url })
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    CREATE TABLE public.clock (now bigint NOT NULL);
    INSERT INTO public.clock VALUES (0);
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

withServer("postgres: the contract", () => storeContract("PostgreSQL", openOnClock))
