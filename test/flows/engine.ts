/**
 * What a stage keeps its rows in: SQLite, or by NIGHTLATCH_TEST_STORE `postgres`, or `fleet`: three instances on one
 * PostgreSQL, which take requests in turn. The database tells the time of the stage's clock.
 */
import assert from "node:assert/strict"
import pg from "pg"
import type { Clock } from "../../src/core/clock.ts"
import { openPostgres } from "../../src/store/postgres/index.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"
import type { Store } from "../../src/store/store.ts"
import { createDatabaseWithRoles } from "../store/postgres-server.ts"

const ENGINES = { sqlite: 1, postgres: 1, fleet: 3 } as const
type Engine = keyof typeof ENGINES

const asked = process.env.NIGHTLATCH_TEST_STORE ?? "sqlite"
assert.ok(
  Object.hasOwn(ENGINES, asked),
  `NIGHTLATCH_TEST_STORE is none of ${Object.keys(ENGINES).join(", ")}`,
)
export const ENGINE: Engine = asked as Engine

export interface Stores {
  /** One for each instance. */
  readonly all: readonly Store[]
  /** Resolves when every instance has heard of what was revoked until now. */
  settle(): Promise<void>
  /** After the stores are closed. */
  drop(): Promise<void>
}

/** @param path a file of the test's own is SQLite's, whatever was asked for */
export async function openStores(clock: Clock, path: string): Promise<Stores> {
  if (ENGINE === "sqlite" || path !== ":memory:") {
    const store = await openSqlite({ path, clock, exclusive: true })
    return { all: [store], settle: async () => {}, drop: async () => {} }
  }
  const database = await createDatabaseWithRoles()
  await (await openPostgres({ url: database.owner })).close()
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
  const feeds: Feed[] = []
  const all: Store[] = []
  for (let count = 0; count < ENGINES[ENGINE]; count++) {
    const feed = new Feed()
    feeds.push(feed)
    all.push(feed.watched(onClock(await openPostgres({ url: database.service }), tell)))
  }
  return {
    all,
    async settle() {
      await Promise.all(feeds.map((feed) => feed.settle()))
    },
    async drop() {
      await client.end()
      await database.drop()
    },
  }
}

/** Each verb first writes down what time it is. */
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

/** The fast lane of an instance, driven by the test: what it would hear within milliseconds it hears before the next request. */
class Feed {
  #wake: (() => void) | undefined
  #begun = 0
  #ended = 0

  watched(store: Store): Store {
    return {
      ...store,
      watchRevocations: (wake) => {
        this.#wake = wake
        return async () => {
          this.#wake = undefined
        }
      },
      readRevocations: async (input) => {
        const mine = ++this.#begun
        try {
          return await store.readRevocations(input)
        } finally {
          setImmediate(() => {
            this.#ended = Math.max(this.#ended, mine)
          })
        }
      },
    }
  }

  async settle(): Promise<void> {
    if (this.#wake === undefined) return
    const [before, patience] = [this.#begun, performance.now() + 10_000]
    this.#wake()
    while (this.#ended <= before) {
      assert.ok(performance.now() < patience, "the feed does not answer")
      await new Promise((later) => setImmediate(later))
    }
  }
}
