/** What a transaction does when the server ends it for the sake of another, or when a part of it has failed. */
import assert from "node:assert/strict"
import { after, before, it } from "node:test"
import pg from "pg"
import { silentLogger } from "../../src/core/logger.ts"
import { sql } from "../../src/core/statement.ts"
import { UnavailableError } from "../../src/core/unavailable.ts"
import { readConnection } from "../../src/store/postgres/connection.ts"
import type { Executor } from "../../src/store/postgres/executor.ts"
import { createPool, type Pool } from "../../src/store/postgres/pool.ts"
import { ask, withDatabase } from "./postgres-server.ts"

const ADD = sql`UPDATE public.thing SET n = n + 1 WHERE id = $1`
const WRONG = sql`SELECT 1 / $1::int`
const ONE = sql`SELECT $1::int AS n`
const CLASH = sql`DO $$ BEGIN RAISE EXCEPTION 'once more' USING ERRCODE = '40001'; END $$`

withDatabase("postgres: the pool", (url) => {
  let pool: Pool
  before(async () => {
    await ask(url(), "CREATE TABLE public.thing (id int PRIMARY KEY, n int NOT NULL)")
    await ask(url(), "INSERT INTO public.thing VALUES (1, 0), (2, 0)")
    const connection = readConnection(pg, url())
    pool = createPool({ driver: pg, connection, logger: silentLogger, seen: new Set() })
  })
  after(() => pool.close())

  const numbers = async () => (await ask(url(), "SELECT n FROM public.thing ORDER BY id")).map(({ n }) => n)

  it("carries out both of two transactions that wait for one another", async () => {
    let met = 0
    let meet = () => {}
    const both = new Promise<void>((resolve) => (meet = resolve))
    let runs = 0
    const cross = (first: number, second: number) =>
      pool.transaction(async (db) => {
        runs++
        await db.run(ADD, first)
        if (++met === 2) meet()
        await both
        await db.run(ADD, second)
      })
    await Promise.all([cross(1, 2), cross(2, 1)])
    assert.equal(runs, 3)
    assert.deepEqual(await numbers(), [2, 2])
  })

  it("asks four times in all, and then says that it failed", async () => {
    let runs = 0
    const clash = (times: number) =>
      pool.transaction(async (db) => {
        await db.run(ADD, 1)
        if (runs++ < times) await db.run(CLASH)
        return runs
      })
    const before = await numbers()
    assert.equal(await clash(3), 4)
    runs = 0
    await assert.rejects(clash(4), UnavailableError)
    assert.equal(runs, 4)
    assert.deepEqual(await numbers(), [Number(before[0]) + 1, before[1]])
  })

  it("commits nothing of which a part has failed, also when nobody looked", async () => {
    const before = await numbers()
    await assert.rejects(
      pool.transaction(async (db) => {
        await db.run(ADD, 1)
        await db.run(WRONG, 0).catch(() => {})
      }),
      UnavailableError,
    )
    await assert.rejects(
      pool.transaction(async (db) => {
        await db.run(ADD, 1)
        throw new TypeError("the program's own")
      }),
      UnavailableError,
    )
    assert.deepEqual(await numbers(), before)
    assert.equal((await pool.db.first(ONE, 7))?.n, 7)
  })

  it("lends its executor for one transaction, and runs no text of anybody else", async () => {
    let kept: Executor | undefined
    await pool.transaction(async (db) => {
      kept = db
    })
    await assert.rejects(async () => kept?.run(ADD, 1), /after its transaction/)
    await assert.rejects(pool.db.run({ text: "SELECT 1" }), /sql\.built/)
  })
})
