import { type Statement, sql } from "../../core/statement.ts"

/**
 * The first version. Everything lives in a schema of its own and every statement names it, so that no search_path matters.
 * Times are milliseconds since 1970, ids 16 bytes. What is looked up by text is compared byte by byte (`COLLATE "C"`), so
 * that another version of the system's collations cannot spoil an index. Indexes stand only on columns that a rotation
 * does not change: with room in the page it then touches none of them (HOT).
 */
const FIRST: Statement = sql`
  CREATE FUNCTION nightlatch.now_ms() RETURNS bigint LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint;

  CREATE TABLE nightlatch.meta (key text PRIMARY KEY, value bigint NOT NULL);
  INSERT INTO nightlatch.meta (key, value) VALUES ('ping', 0);

  CREATE TABLE nightlatch.account (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    email text COLLATE "C" NOT NULL UNIQUE,
    password_hash text,
    roles jsonb NOT NULL,
    epoch bigint NOT NULL DEFAULT 1,
    epoch_at bigint NOT NULL,
    epoch_xid xid8,
    failures bigint NOT NULL DEFAULT 0,
    created_at bigint NOT NULL,
    verified_at bigint,
    disabled_at bigint,
    deletion_at bigint
  ) WITH (fillfactor = 80);
  CREATE INDEX account_created ON nightlatch.account (created_at, id);
  CREATE INDEX account_epoch_at ON nightlatch.account (epoch_at) WHERE epoch > 1;
  CREATE INDEX account_epoch_xid ON nightlatch.account (epoch_xid) WHERE epoch_xid IS NOT NULL;
  CREATE INDEX account_deletion ON nightlatch.account (deletion_at) WHERE deletion_at IS NOT NULL;

  CREATE TABLE nightlatch.session (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    account_id bytea NOT NULL,
    created_at bigint NOT NULL,
    absolute_end bigint NOT NULL,
    idle_end bigint NOT NULL,
    generation bigint NOT NULL,
    current_hash bytea NOT NULL,
    previous_hash bytea,
    salt bytea NOT NULL,
    rotated_at bigint,
    revoked_at bigint,
    revoked_xid xid8,
    reason text,
    transport text NOT NULL CHECK (transport IN ('cookie', 'bearer')),
    persistent boolean NOT NULL,
    authenticated_at bigint NOT NULL,
    methods jsonb NOT NULL,
    client text NOT NULL,
    address_prefix text NOT NULL,
    bound_key bytea,
    -- The feed goes by revoked_xid: a revocation without it would never be heard of.
    CHECK ((revoked_at IS NULL) = (revoked_xid IS NULL))
  ) WITH (fillfactor = 70);
  CREATE INDEX session_account ON nightlatch.session (account_id);
  CREATE INDEX session_revoked_at ON nightlatch.session (revoked_at) WHERE revoked_at IS NOT NULL;
  CREATE INDEX session_revoked_xid ON nightlatch.session (revoked_xid) WHERE revoked_xid IS NOT NULL;

  CREATE TABLE nightlatch.one_time_token (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    purpose text NOT NULL CHECK (purpose IN ('register', 'reset')),
    email text COLLATE "C" NOT NULL,
    account_id bytea,
    expires_at bigint NOT NULL
  );
  CREATE INDEX one_time_token_email ON nightlatch.one_time_token (email);
  CREATE INDEX one_time_token_account ON nightlatch.one_time_token (account_id) WHERE account_id IS NOT NULL;
  CREATE INDEX one_time_token_expiry ON nightlatch.one_time_token (expires_at);

  CREATE TABLE nightlatch.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose text NOT NULL,
    email text COLLATE "C" NOT NULL,
    account_id bytea,
    decoy boolean NOT NULL,
    language text NOT NULL,
    created_at bigint NOT NULL,
    counted boolean NOT NULL,
    attempts bigint NOT NULL DEFAULT 0,
    due_at bigint,
    leased boolean NOT NULL DEFAULT false,
    budget text NOT NULL DEFAULT 'mail' CHECK (budget IN ('mail', 'link', 'link-device')),
    flow_id bytea,
    about text
  );
  CREATE INDEX outbox_due ON nightlatch.outbox (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX outbox_recipient ON nightlatch.outbox (email, created_at);
  CREATE INDEX outbox_account ON nightlatch.outbox (account_id) WHERE account_id IS NOT NULL;
  CREATE INDEX outbox_created ON nightlatch.outbox (created_at);
  CREATE INDEX outbox_total ON nightlatch.outbox (decoy, created_at) WHERE counted;

  CREATE TABLE nightlatch.mail_flow (
    id bytea PRIMARY KEY CHECK (octet_length(id) = 16),
    purpose text NOT NULL CHECK (purpose IN ('sign-in', 'email-change-old', 'email-change-new')),
    email text COLLATE "C" NOT NULL,
    account_id bytea,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    token_hash bytea,
    code_mac bytea,
    tries bigint NOT NULL DEFAULT 0,
    client text NOT NULL,
    address_prefix text NOT NULL,
    persistent boolean NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
  );
  CREATE UNIQUE INDEX mail_flow_token ON nightlatch.mail_flow (token_hash) WHERE token_hash IS NOT NULL;
  CREATE INDEX mail_flow_email ON nightlatch.mail_flow (email);
  CREATE INDEX mail_flow_account ON nightlatch.mail_flow (account_id) WHERE account_id IS NOT NULL;
  CREATE INDEX mail_flow_expiry ON nightlatch.mail_flow (expires_at);

  CREATE TABLE nightlatch.identity (
    issuer text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    id bytea NOT NULL UNIQUE CHECK (octet_length(id) = 16),
    account_id bytea NOT NULL,
    provider text NOT NULL,
    email text,
    tokens bytea,
    created_at bigint NOT NULL,
    last_used_at bigint NOT NULL,
    PRIMARY KEY (issuer, subject)
  );
  CREATE INDEX identity_account ON nightlatch.identity (account_id);

  CREATE TABLE nightlatch.redeemed_state (
    hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    expires_at bigint NOT NULL
  );
  CREATE INDEX redeemed_state_expiry ON nightlatch.redeemed_state (expires_at);

  CREATE TABLE nightlatch.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    type text NOT NULL,
    account_id bytea,
    session_id bytea,
    address_prefix text COLLATE "C",
    client text,
    detail jsonb,
    count bigint NOT NULL DEFAULT 1,
    minute bigint
  ) WITH (fillfactor = 90);
  CREATE INDEX event_account ON nightlatch.event (account_id, id);
  CREATE INDEX event_at ON nightlatch.event (at);
  CREATE UNIQUE INDEX event_minute ON nightlatch.event
    (minute, type, coalesce(account_id, ''), coalesce(address_prefix, '')) WHERE minute IS NOT NULL;

  -- Append-only: an aggregated row counts upwards, and nobody deletes what is younger than a day, the shortest retention.
  CREATE FUNCTION nightlatch.keep_event() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
  BEGIN
    IF TG_OP = 'UPDATE' THEN
      IF OLD.minute IS NOT NULL AND NEW.count = OLD.count + 1 THEN
        OLD.count := NEW.count;
        IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
      END IF;
    ELSIF TG_OP = 'DELETE' THEN
      IF OLD.at < nightlatch.now_ms() - 86400000 THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION 'events are append-only';
  END $$;
  CREATE TRIGGER event_kept BEFORE UPDATE OR DELETE ON nightlatch.event
    FOR EACH ROW EXECUTE FUNCTION nightlatch.keep_event();
  CREATE TRIGGER event_not_emptied BEFORE TRUNCATE ON nightlatch.event
    FOR EACH STATEMENT EXECUTE FUNCTION nightlatch.keep_event();

  -- Counters that several instances share. A crash may empty it: then everybody starts with a full bucket.
  CREATE UNLOGGED TABLE nightlatch.bucket (id text COLLATE "C" PRIMARY KEY, full_at double precision NOT NULL);
  CREATE INDEX bucket_full ON nightlatch.bucket (full_at);

  CREATE TABLE nightlatch.instance (
    id text COLLATE "C" PRIMARY KEY,
    started_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    version text NOT NULL,
    secret_id text NOT NULL,
    limits text NOT NULL,
    clock_offset_ms bigint NOT NULL,
    address text
  ) WITH (fillfactor = 50);

  -- Roles that were given rights beforehand (see roles.ts) keep the fewest: of an event they count, of the version nothing.
  DO $$
  DECLARE role text;
  BEGIN
    FOR role IN
      SELECT DISTINCT grantee::regrole::text FROM pg_class, aclexplode(relacl)
      WHERE oid = 'nightlatch.event'::regclass AND grantee NOT IN (relowner, 0)
    LOOP
      EXECUTE 'REVOKE UPDATE ON nightlatch.event FROM ' || role;
      EXECUTE 'GRANT UPDATE (count) ON nightlatch.event TO ' || role;
      EXECUTE 'REVOKE INSERT, DELETE ON nightlatch.meta FROM ' || role;
      EXECUTE 'REVOKE INSERT, UPDATE, DELETE ON nightlatch.schema_version FROM ' || role;
    END LOOP;
  END $$;
`

/**
 * Counts a request in several buckets or in none. Each statement of the function has a snapshot of its own (it is volatile):
 * the first makes or locks all rows, in the order of their ids so that nobody waits for each other, and writes nothing where
 * one is; the second therefore sees what the last one who held them left. Times are milliseconds since 2026, so that a double
 * keeps fractions of a microsecond, by the clock after the lock. A clock that was set back makes no bucket take longer than
 * a whole one does; a thousandth of a millisecond is the rounding that the limiter in memory allows as well.
 */
const BUCKETS: Statement = sql`
  CREATE FUNCTION nightlatch.bucket_now() RETURNS double precision LANGUAGE sql VOLATILE PARALLEL SAFE
  RETURN ((extract(epoch FROM clock_timestamp()) - 1767225600) * 1000)::double precision;

  CREATE FUNCTION nightlatch.take_buckets(ids text[], intervals double precision[], bursts double precision[])
  RETURNS TABLE (place bigint, passed boolean, at_ms double precision, full_in_ms double precision)
  LANGUAGE sql VOLATILE
  BEGIN ATOMIC
    INSERT INTO nightlatch.bucket (id, full_at)
    SELECT wanted.id, 0 FROM unnest(ids) AS wanted (id) ORDER BY wanted.id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET full_at = excluded.full_at WHERE false;

    WITH clock AS MATERIALIZED (
      SELECT nightlatch.bucket_now() AS now
    ), wanted AS MATERIALIZED (
      SELECT given.place, bucket.id, given.step, given.burst, clock.now,
        least(greatest(bucket.full_at - clock.now, 0), given.burst * given.step) AS full_in
      FROM clock, unnest(ids, intervals, bursts) WITH ORDINALITY AS given (id, step, burst, place)
      JOIN nightlatch.bucket ON bucket.id = given.id
    ), verdict AS MATERIALIZED (
      SELECT bool_and(full_in + (1 - burst) * step <= 0.001) AS passed FROM wanted
    ), counted AS (
      UPDATE nightlatch.bucket SET full_at = wanted.now + wanted.full_in + wanted.step FROM wanted, verdict
      WHERE verdict.passed AND bucket.id = wanted.id
    )
    SELECT wanted.place, verdict.passed, wanted.now, wanted.full_in + CASE WHEN verdict.passed THEN wanted.step ELSE 0 END
    FROM wanted, verdict ORDER BY wanted.place;
  END;
`

/** What is counted at the checklist; what a database that went back in time is told by. */
const MARKS: Statement = sql`
  CREATE INDEX account_foreign_hash ON nightlatch.account (id) WHERE left(password_hash, 10) <> '$argon2id$';
  INSERT INTO nightlatch.meta (key, value) VALUES
    ('lineage', floor(random() * 4503599627370496)::bigint), ('counter', 0), ('sessions_not_before', 0), ('unfinished', 0);
`

/** Which root secrets there are and who has them, by ids that tell nothing about them. */
const SECRETS: Statement = sql`
  CREATE TABLE nightlatch.root_secret (
    id text COLLATE "C" PRIMARY KEY,
    known_at bigint NOT NULL,
    signed_at bigint,
    removed_at bigint
  );
  CREATE TABLE nightlatch.secret_holder (
    instance text COLLATE "C" NOT NULL,
    secret text COLLATE "C" NOT NULL,
    place bigint NOT NULL,
    since bigint NOT NULL,
    seen_at bigint NOT NULL,
    address text NOT NULL,
    PRIMARY KEY (instance, secret)
  ) WITH (fillfactor = 50);
`

/**
 * Counts many requests, one after the other, with two statements for all of them: what stood in between is arithmetic. `ids`
 * are different; the request at a place of `sizes` takes as many of `slots`, which say the place of an id each. A language that keeps
 * its plans: the one above plans anew each time, which is most of what it costs; it stays for programs that know no other.
 * A plan that was made while the table was small would read all of it for ever, so only the index is left to choose. Whatever
 * has no index to choose then looks so dear that the server would compile it, for 200 ms at each call.
 */
const BUCKET_BATCHES: Statement = sql`
  CREATE FUNCTION nightlatch.take_bucket_batch(
    ids text[], sizes integer[], slots integer[], steps double precision[], bursts double precision[],
    OUT passed boolean[], OUT at_ms double precision, OUT full_in_ms double precision[]
  ) LANGUAGE plpgsql VOLATILE
  SET search_path = pg_catalog SET jit = off
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
  AS $$
  DECLARE
    ends double precision[];
    before double precision[];
    size integer;
    first integer := 1;
    passes boolean;
  BEGIN
    INSERT INTO nightlatch.bucket (id, full_at)
    SELECT wanted.id, 0 FROM unnest(ids) AS wanted (id) ORDER BY wanted.id COLLATE "C"
    ON CONFLICT (id) DO UPDATE SET full_at = excluded.full_at WHERE false;

    SELECT array_agg(bucket.full_at ORDER BY wanted.place), nightlatch.bucket_now() INTO ends, at_ms
    FROM unnest(ids) WITH ORDINALITY AS wanted (id, place) LEFT JOIN nightlatch.bucket ON bucket.id = wanted.id;
    IF array_position(ends, NULL) IS NOT NULL THEN
      RAISE EXCEPTION 'a bucket is not there';
    END IF;
    before := ends;

    FOREACH size IN ARRAY sizes LOOP
      passes := true;
      FOR each IN first .. first + size - 1 LOOP
        full_in_ms[each] := least(greatest(ends[slots[each]] - at_ms, 0), bursts[each] * steps[each]);
        passes := passes AND full_in_ms[each] + (1 - bursts[each]) * steps[each] <= 0.001;
      END LOOP;
      IF passes THEN
        FOR each IN first .. first + size - 1 LOOP
          full_in_ms[each] := full_in_ms[each] + steps[each];
          ends[slots[each]] := at_ms + full_in_ms[each];
        END LOOP;
      END IF;
      passed := passed || passes;
      first := first + size;
    END LOOP;

    IF ends <> before THEN
      UPDATE nightlatch.bucket SET full_at = wanted.full_at
      FROM unnest(ids, ends, before) AS wanted (id, full_at, full_before)
      WHERE bucket.id = wanted.id AND wanted.full_at <> wanted.full_before;
    END IF;
  END $$;
`

/** A step from one version to the next. */
interface Migration {
  readonly text: Statement
  /** The oldest program that may run beside the schema this makes: it needs nothing that was taken away. */
  readonly compatibleFrom: number
}

/** One per version, never changed once released. */
export const MIGRATIONS: readonly Migration[] = [
  { text: FIRST, compatibleFrom: 1 },
  { text: BUCKETS, compatibleFrom: 1 },
  { text: MARKS, compatibleFrom: 1 },
  { text: SECRETS, compatibleFrom: 1 },
  { text: BUCKET_BATCHES, compatibleFrom: 1 },
]
