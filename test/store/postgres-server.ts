/**
 * Databases of one's own on a real server: the one of DATABASE_URL, else what answers at the usual port, else one of Debian's
 * binaries, started for these tests alone. Where there is none of them tests are skipped, and fail if REQUIRE_SERVICES is 1.
 */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { after, before, describe, it } from "node:test"
import pg from "pg"
import { ROLES } from "../../src/store/postgres/roles.ts"
import { MAY_LOOK } from "../services.ts"
import { type Cluster, canMakeCluster, makeCluster } from "./postgres-cluster.ts"

const USUAL = "postgres://postgres@127.0.0.1:5432/postgres"
const PATIENCE_MS = 2_000

let own: { readonly cluster: Cluster; databases: number } | undefined

/** The administrator's URL; undefined when a cluster has to be made first, or cannot be. */
const found: string | undefined = await whatAnswers()

export interface Database {
  readonly url: string
  drop(): Promise<void>
}

/** @param body gets the URL of a new database, which is there from the first `before` on */
export function withDatabase(name: string, body: (url: () => string) => void): void {
  withServer(name, () => {
    let database: Database | undefined
    before(async () => {
      database = await createDatabase()
    })
    after(() => database?.drop())
    body(() => database?.url ?? "")
  })
}

/** For tests that make their databases themselves. */
export function withServer(name: string, body: () => void): void {
  if (found !== undefined || canMakeCluster()) describe(name, body)
  else
    it(name, (t) => {
      assert.notEqual(process.env.REQUIRE_SERVICES, "1", "there is no PostgreSQL")
      t.skip("no PostgreSQL")
    })
}

export async function createDatabase(): Promise<Database> {
  const name = `nightlatch_test_${randomBytes(6).toString("hex")}`
  const admin = await acquire()
  await ask(admin, `CREATE DATABASE ${name}`)
  const url = new URL(admin)
  url.pathname = name
  return {
    url: url.href,
    async drop() {
      await ask(admin, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      await release()
    },
  }
}

/** A database prepared as `nightlatch migrate --roles` says, its roles named after it. */
export async function createDatabaseWithRoles(): Promise<
  Database & { readonly owner: string; readonly service: string }
> {
  const database = await createDatabase()
  const name = new URL(database.url).pathname.slice(1)
  const as = (role: string) => {
    const url = new URL(database.url)
    url.username = `${name}_${role}`
    return url.href
  }
  await ask(database.url, ROLES.text.replaceAll(/nightlatch_(owner|service)/g, `${name}_$1`))
  const drop = async () => {
    const admin = await acquire()
    await database.drop()
    await ask(admin, `DROP ROLE ${name}_owner; DROP ROLE ${name}_service`)
    await release()
  }
  return { ...database, drop, owner: as("owner"), service: as("service") }
}

/** One query on a connection of its own. */
export async function ask(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: PATIENCE_MS })
  client.on("error", () => {})
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

async function whatAnswers(): Promise<string | undefined> {
  if (!MAY_LOOK) return undefined
  const url = process.env.DATABASE_URL ?? USUAL
  return ask(url, "SELECT 1").then(
    () => url,
    () => undefined,
  )
}

async function acquire(): Promise<string> {
  if (found !== undefined) return found
  if (own === undefined) {
    const cluster = await makeCluster()
    if (cluster === undefined) throw new Error("there is no PostgreSQL")
    own = { cluster, databases: 0 }
    await cluster.start()
  }
  own.databases++
  return `postgres://postgres@127.0.0.1:${own.cluster.port}/postgres`
}

async function release(): Promise<void> {
  if (own === undefined || --own.databases > 0) return
  const { cluster } = own
  own = undefined
  await cluster.remove()
}
