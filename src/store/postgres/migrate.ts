import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import type { MigrationPlan } from "../store.ts"
import type { Executor } from "./executor.ts"
import { sqlStateOf } from "./failure.ts"
import type { Pool } from "./pool.ts"
import { MIGRATIONS } from "./schema.ts"

const SCHEMA_VERSION: number = MIGRATIONS.length

/** From the catalogue and not by name: a name that was missing before a wait is remembered as missing after it. */
const HAS_VERSION = sql`
  SELECT EXISTS (
    SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'nightlatch' AND relname = 'schema_version'
  ) AS known`
const READ_VERSION = sql`SELECT version, compatible_from FROM nightlatch.schema_version`
/** One number for all that migrate; it ends with the transaction. */
const LOCK = sql`SELECT pg_advisory_xact_lock(hashtextextended('nightlatch migration', 5271009))`
/** Building an index takes its time, and waiting for its lock a little. */
const PATIENCE = sql`SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 10000`
const FOUND = sql`
  CREATE TABLE nightlatch.schema_version (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL,
    -- The oldest program that may run beside this schema.
    compatible_from bigint NOT NULL
  );
  INSERT INTO nightlatch.schema_version (version, compatible_from) VALUES (0, 0)`
/** An administrator may have made it for us; to make it takes a right on the whole database. */
const HAS_SCHEMA = sql`SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') AS known`
const MAKE_SCHEMA = sql`CREATE SCHEMA nightlatch`
const STAMP = sql`UPDATE nightlatch.schema_version SET version = $1, compatible_from = $2`

const MIGRATION_MS = 600_000

/**
 * Brings the schema to this version, in one transaction under a lock: of many that start together one migrates and the
 * others find it done. An older program goes on beside a newer schema that says it may.
 * @throws MisuseError `store.newer_schema`, or `store.old_schema` when the role of the URL may not change the schema
 */
export async function migrate(pool: Pool): Promise<void> {
  if ((await readVersion(pool.db)) >= SCHEMA_VERSION) return
  try {
    await pool.transaction(
      async (db) => {
        await db.run(PATIENCE)
        await db.first(LOCK)
        if ((await db.first(HAS_SCHEMA))?.known !== true) await db.run(MAKE_SCHEMA)
        if (!(await isFounded(db))) await db.run(FOUND)
        for (let version = await readVersion(db); version < SCHEMA_VERSION; version++) {
          const migration = MIGRATIONS[version]
          if (migration === undefined) throw new TypeError(`there is no migration ${version + 1}`)
          await db.run(migration.text)
          await db.run(STAMP, version + 1, migration.compatibleFrom)
        }
      },
      { answerMs: MIGRATION_MS },
    )
  } catch (error) {
    throw isForbidden(error) ? mayNotMigrate() : error
  }
}

/** Reads, and changes nothing. @throws MisuseError like `migrate` */
export async function planMigration(pool: Pool): Promise<MigrationPlan> {
  const version = await readVersion(pool.db)
  const steps = MIGRATIONS.map(({ text, compatibleFrom }, index) => ({
    version: index + 1,
    sql: text.text,
    compatibleFrom,
  }))
  return { version, steps: steps.filter((step) => step.version > version) }
}

async function isFounded(db: Executor): Promise<boolean> {
  return (await db.first(HAS_VERSION))?.known === true
}

async function readVersion(db: Executor): Promise<number> {
  try {
    if (!(await isFounded(db))) return 0
    const row = await db.first(READ_VERSION)
    const [version, compatibleFrom] = [Number(row?.version), Number(row?.compatible_from)]
    if (version <= SCHEMA_VERSION || compatibleFrom <= SCHEMA_VERSION) return version
    throw new MisuseError([
      {
        code: "store.newer_schema",
        path: "database",
        problem: `a newer Nightlatch has changed the schema (version ${version}, this one knows ${SCHEMA_VERSION})`,
        fix: "Start the newer version, or restore the copy made before it.",
      },
    ])
  } catch (error) {
    throw isForbidden(error) ? mayNotMigrate() : error
  }
}

const isForbidden = (error: unknown): boolean => sqlStateOf(error) === "42501"

function mayNotMigrate(): MisuseError {
  return new MisuseError([
    {
      code: "store.old_schema",
      path: "database",
      problem: `the schema "nightlatch" is missing or older than this program, and the role of the URL may not change it`,
      fix: "Run nightlatch migrate with the URL of the migration role (nightlatch migrate --roles makes both).",
    },
  ])
}
