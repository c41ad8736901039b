import { MisuseError } from "../../core/misuse.ts"
import { sql } from "../../core/statement.ts"
import type { MigrationPlan } from "../store.ts"
import type { Executor } from "./executor.ts"

/**
 * One text per version, never changed once released. Times are milliseconds since 1970, ids 16 bytes. Indexes stand only
 * on columns that a rotation does not change, because each one changed costs a tenth of the rate.
 */
const MIGRATIONS = [
  sql`
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
    INSERT INTO meta (key, value) VALUES ('event_purge_before', 0);

    CREATE TABLE account (
      id BLOB PRIMARY KEY CHECK (length(id) = 16),
      email TEXT NOT NULL UNIQUE,
      password_hash TEXT,
      roles TEXT NOT NULL,
      epoch INTEGER NOT NULL DEFAULT 1,
      epoch_at INTEGER NOT NULL,
      failures INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL,
      verified_at INTEGER,
      disabled_at INTEGER
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX account_created ON account (created_at, id);
    CREATE INDEX account_epoch ON account (epoch_at);

    CREATE TABLE session (
      id BLOB PRIMARY KEY CHECK (length(id) = 16),
      account_id BLOB NOT NULL,
      created_at INTEGER NOT NULL,
      absolute_end INTEGER NOT NULL,
      idle_end INTEGER NOT NULL,
      generation INTEGER NOT NULL,
      current_hash BLOB NOT NULL,
      previous_hash BLOB,
      salt BLOB NOT NULL,
      rotated_at INTEGER,
      revoked_at INTEGER,
      reason TEXT,
      transport TEXT NOT NULL CHECK (transport IN ('cookie', 'bearer')),
      persistent INTEGER NOT NULL CHECK (persistent IN (0, 1)),
      authenticated_at INTEGER NOT NULL,
      methods TEXT NOT NULL,
      client TEXT NOT NULL,
      address_prefix TEXT NOT NULL,
      bound_key BLOB
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX session_account ON session (account_id);
    CREATE INDEX session_revoked ON session (revoked_at) WHERE revoked_at IS NOT NULL;

    CREATE TABLE one_time_token (
      hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
      purpose TEXT NOT NULL CHECK (purpose IN ('register', 'reset')),
      email TEXT NOT NULL,
      account_id BLOB,
      expires_at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX one_time_token_email ON one_time_token (email);
    CREATE INDEX one_time_token_expiry ON one_time_token (expires_at);

    CREATE TABLE outbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      purpose TEXT NOT NULL,
      email TEXT NOT NULL,
      account_id BLOB,
      decoy INTEGER NOT NULL CHECK (decoy IN (0, 1)),
      language TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      counted INTEGER NOT NULL CHECK (counted IN (0, 1)),
      attempts INTEGER NOT NULL DEFAULT 0,
      due_at INTEGER,
      leased INTEGER NOT NULL DEFAULT 0 CHECK (leased IN (0, 1))
    ) STRICT;
    CREATE INDEX outbox_due ON outbox (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX outbox_recipient ON outbox (email, created_at) WHERE counted = 1;
    CREATE INDEX outbox_created ON outbox (created_at);

    CREATE TABLE event (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      type TEXT NOT NULL,
      account_id BLOB,
      session_id BLOB,
      address_prefix TEXT,
      client TEXT,
      detail TEXT,
      count INTEGER NOT NULL DEFAULT 1,
      minute INTEGER
    ) STRICT;
    CREATE INDEX event_account ON event (account_id, id);
    CREATE INDEX event_at ON event (at);
    CREATE INDEX event_minute ON event (minute, type) WHERE minute IS NOT NULL;

    -- Append-only: an aggregated row counts upwards, and only upkeep deletes, what it has declared to be old.
    CREATE TRIGGER event_no_update BEFORE UPDATE ON event
    WHEN OLD.minute IS NULL OR NEW.count <> OLD.count + 1 OR NEW.id <> OLD.id OR NEW.at <> OLD.at
      OR NEW.type <> OLD.type OR NEW.account_id IS NOT OLD.account_id OR NEW.session_id IS NOT OLD.session_id
      OR NEW.address_prefix IS NOT OLD.address_prefix OR NEW.client IS NOT OLD.client
      OR NEW.detail IS NOT OLD.detail OR NEW.minute IS NOT OLD.minute
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
    CREATE TRIGGER event_no_delete BEFORE DELETE ON event
    WHEN OLD.at >= (SELECT value FROM meta WHERE key = 'event_purge_before')
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
  `,
  sql`
    ALTER TABLE account ADD COLUMN deletion_at INTEGER;
    CREATE INDEX account_deletion ON account (deletion_at) WHERE deletion_at IS NOT NULL;

    ALTER TABLE outbox ADD COLUMN budget TEXT NOT NULL DEFAULT 'mail' CHECK (budget IN ('mail', 'link', 'link-device'));
    ALTER TABLE outbox ADD COLUMN flow_id BLOB;
    ALTER TABLE outbox ADD COLUMN about TEXT;

    CREATE TABLE mail_flow (
      id BLOB PRIMARY KEY CHECK (length(id) = 16),
      purpose TEXT NOT NULL CHECK (purpose IN ('sign-in', 'email-change-old', 'email-change-new')),
      email TEXT NOT NULL,
      account_id BLOB,
      secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
      token_hash BLOB,
      code_mac BLOB,
      tries INTEGER NOT NULL DEFAULT 0,
      client TEXT NOT NULL,
      address_prefix TEXT NOT NULL,
      persistent INTEGER NOT NULL CHECK (persistent IN (0, 1)),
      created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    CREATE UNIQUE INDEX mail_flow_token ON mail_flow (token_hash) WHERE token_hash IS NOT NULL;
    CREATE INDEX mail_flow_email ON mail_flow (email);
    CREATE INDEX mail_flow_account ON mail_flow (account_id) WHERE account_id IS NOT NULL;
    CREATE INDEX mail_flow_expiry ON mail_flow (expires_at);

    CREATE TABLE identity (
      issuer TEXT NOT NULL,
      subject TEXT NOT NULL,
      id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
      account_id BLOB NOT NULL,
      provider TEXT NOT NULL,
      email TEXT,
      tokens BLOB,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER NOT NULL,
      PRIMARY KEY (issuer, subject)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX identity_account ON identity (account_id);

    CREATE TABLE redeemed_state (
      hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
      expires_at INTEGER NOT NULL
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX redeemed_state_expiry ON redeemed_state (expires_at);
  `,
  // What is counted at the checklist; what a database that went back in time is told by.
  sql`
    CREATE INDEX account_foreign_hash ON account (id) WHERE substr(password_hash, 1, 10) <> '$argon2id$';
    INSERT INTO meta (key, value) VALUES
      ('lineage', random() & 4503599627370495), ('counter', 0), ('sessions_not_before', 0), ('unfinished', 0);
  `,
  // Which root secrets there are and who has them, by ids that tell nothing about them.
  sql`
    CREATE TABLE root_secret (
      id TEXT PRIMARY KEY,
      known_at INTEGER NOT NULL,
      signed_at INTEGER,
      removed_at INTEGER
    ) WITHOUT ROWID, STRICT;
    CREATE TABLE secret_holder (
      instance TEXT NOT NULL,
      secret TEXT NOT NULL,
      place INTEGER NOT NULL,
      since INTEGER NOT NULL,
      seen_at INTEGER NOT NULL,
      address TEXT NOT NULL,
      PRIMARY KEY (instance, secret)
    ) WITHOUT ROWID, STRICT;
  `,
]

const VERSION = sql`PRAGMA user_version`
const BEGIN = sql`BEGIN IMMEDIATE`
const COMMIT = sql`COMMIT`
const ROLLBACK = sql`ROLLBACK`
/** PRAGMA takes no parameters: one fixed text per version. */
const STAMPS = [
  sql`PRAGMA user_version = 1`,
  sql`PRAGMA user_version = 2`,
  sql`PRAGMA user_version = 3`,
  sql`PRAGMA user_version = 4`,
]

const SCHEMA_VERSION: number = MIGRATIONS.length

/**
 * Brings the file to this version, under SQLite's write lock: of two processes that start together one migrates and the
 * other finds it done.
 * @throws MisuseError `store.newer_schema` when a newer Nightlatch has written the file
 */
export function migrate(db: Executor): void {
  if (readVersion(db) === SCHEMA_VERSION) return
  db.run(BEGIN)
  try {
    for (let version = readVersion(db); version < SCHEMA_VERSION; version++) {
      const [migration, stamp] = [MIGRATIONS[version], STAMPS[version]]
      if (migration === undefined || stamp === undefined)
        throw new TypeError(`there is no migration ${version + 1}`)
      db.script(migration)
      db.run(stamp)
    }
    db.run(COMMIT)
  } catch (error) {
    if (db.inTransaction) db.run(ROLLBACK)
    throw error
  }
}

/** Reads, and changes nothing. @throws MisuseError `store.newer_schema` */
export function planMigration(db: Executor | undefined): MigrationPlan {
  const version = db === undefined ? 0 : readVersion(db)
  const steps = MIGRATIONS.map(({ text }, index) => ({ version: index + 1, sql: text }))
  return { version, steps: steps.filter((step) => step.version > version) }
}

export function readVersion(db: Executor): number {
  const version = Number(db.first(VERSION)?.user_version ?? 0)
  if (version <= SCHEMA_VERSION) return version
  throw new MisuseError([
    {
      code: "store.newer_schema",
      path: "database",
      problem: `the file was written by a newer Nightlatch (schema ${version}, this one knows ${SCHEMA_VERSION})`,
      fix: "Start the newer version, or restore the copy made before it.",
    },
  ])
}
