import { type Statement, sql } from "../../core/statement.ts"

/**
 * For an administrator, once in a database, before the first migration: `nightlatch_owner` makes and changes the tables,
 * `nightlatch_service` only works with their rows. What later migrations add it gets by itself; a migration takes away what
 * it shall not have. The limits end what a service that has vanished left waiting, behind a pooler too. The path keeps functions
 * that somebody else makes in `public` from being called in place of the server's own (CVE-2018-1058).
 */
export const ROLES: Statement = sql`
CREATE ROLE nightlatch_owner LOGIN;
CREATE ROLE nightlatch_service LOGIN;
ALTER ROLE nightlatch_service SET statement_timeout = '5s';
ALTER ROLE nightlatch_service SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE nightlatch_owner SET search_path = pg_catalog, pg_temp;
ALTER ROLE nightlatch_service SET search_path = pg_catalog, pg_temp;

-- A restore sets the schema aside and makes another.
DO $$ BEGIN EXECUTE pg_catalog.format('GRANT CREATE ON DATABASE %I TO nightlatch_owner', current_database()); END $$;
CREATE SCHEMA nightlatch AUTHORIZATION nightlatch_owner;
GRANT USAGE ON SCHEMA nightlatch TO nightlatch_service;
ALTER DEFAULT PRIVILEGES FOR ROLE nightlatch_owner IN SCHEMA nightlatch
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO nightlatch_service;
`
