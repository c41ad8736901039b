-- Neither a failed statement nor a slow one may take a password into the server's log.
SET LOCAL log_statement = 'none';
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL log_min_duration_statement = -1;
SET LOCAL password_encryption = 'scram-sha-256';

SELECT 'CREATE ROLE nightlatch_backup LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nightlatch_backup') \gexec

-- Whoever has no business here does not even connect. The owner makes the schema of a restore.
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO nightlatch_owner, nightlatch_service, nightlatch_backup;
GRANT CREATE ON DATABASE :"DBNAME" TO nightlatch_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Reads everything and changes nothing, in a schema that is there and in one that a restore makes.
SELECT 'GRANT USAGE ON SCHEMA nightlatch TO nightlatch_backup, nightlatch_service'
WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') \gexec
SELECT 'GRANT SELECT ON ALL TABLES IN SCHEMA nightlatch TO nightlatch_backup'
WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') \gexec
SELECT 'GRANT SELECT ON ALL SEQUENCES IN SCHEMA nightlatch TO nightlatch_backup'
WHERE EXISTS (SELECT FROM pg_namespace WHERE nspname = 'nightlatch') \gexec
ALTER DEFAULT PRIVILEGES FOR ROLE nightlatch_owner GRANT SELECT ON TABLES TO nightlatch_backup;
ALTER DEFAULT PRIVILEGES FOR ROLE nightlatch_owner GRANT SELECT ON SEQUENCES TO nightlatch_backup;
ALTER DEFAULT PRIVILEGES FOR ROLE nightlatch_owner GRANT USAGE ON SCHEMAS TO nightlatch_backup;
ALTER ROLE nightlatch_backup SET default_transaction_read_only = on;

ALTER ROLE nightlatch_owner PASSWORD :'owner';
ALTER ROLE nightlatch_service PASSWORD :'service';
ALTER ROLE nightlatch_backup PASSWORD :'backup';
