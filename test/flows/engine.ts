/**
 * What a stage keeps its rows in: SQLite, or by NIGHTLATCH_TEST_STORE `postgres`, or `fleet`: three instances on one
 * PostgreSQL, which take requests in turn. The database tells the time of the stage's clock.
 */
import assert from "node:assert/strict"
import type { Clock } from "../../src/core/clock.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"
import type { Store } from "../../src/store/store.ts"
import { createClockedDatabase } from "../store/postgres-clock.ts"

const ENGINES = { sqlite: 1, postgres: 1, fleet: 3 } as const
type Engine = keyof typeof ENGINES

const asked = process.env.NIGHTLATCH_TEST_STORE ?? "sqlite"
assert.ok(
  Object.hasOwn(ENGINES, asked),
  `NIGHTLATCH_TEST_STORE is none of ${Object.keys(ENGINES).join(", ")}`,
)
/** Files run beside one another: together they stay below the hundred connections that a server has as it comes. */
const POOL_SIZE = 4
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
  const database = await createClockedDatabase(
    clock,
    async ({ service }) => `${service}?pool_size=${POOL_SIZE}`,
  )
  const feeds: Feed[] = []
  const all: Store[] = []
  for (let count = 0; count < ENGINES[ENGINE]; count++) {
    const feed = new Feed()
    feeds.push(feed)
    all.push(feed.watched(await database.open()))
  }
  return {
    all,
    async settle() {
      await Promise.all(feeds.map((feed) => feed.settle()))
    },
    drop: database.drop,
  }
}

/** The fast lane of an instance, driven by the test: what it would hear within milliseconds it hears before the next request. */
class Feed {
  #wake: (() => void) | undefined
  #begun = 0
  readonly #waiting = new Set<{ readonly after: number; readonly resolve: () => void }>()

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
          // When whoever asked has taken in the answer.
          setImmediate(() => {
            for (const waiter of this.#waiting) if (mine > waiter.after) waiter.resolve()
          })
        }
      },
    }
  }

  /** Resolves when a look has ended that began after this call. */
  settle(): Promise<void> {
    const wake = this.#wake
    if (wake === undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        clearTimeout(patience)
        this.#waiting.delete(waiter)
        settle()
      }
      const waiter = { after: this.#begun, resolve: end(resolve) }
      const patience = setTimeout(
        end(() => reject(new Error("the feed does not answer"))),
        10_000,
      )
      this.#waiting.add(waiter)
      wake()
    })
  }
}
