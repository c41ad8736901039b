import { type Statement, sql } from "../../core/statement.ts"

/** How a value is written in the one form that both engines are compared in. */
export type Kind = "bytes" | "text" | "number" | "flag" | "json"

export interface Table {
  readonly name: string
  /** In the order of the statements; the first is the key that rows are read by. */
  readonly columns: Readonly<Record<string, Kind>>
  /** Some rows after a key: parameters are the key and how many. */
  readonly fromSqlite: Statement
  readonly fromPostgres: Statement
  /** Rows as one jsonb: bytes in hexadecimal. */
  readonly insert: Statement
}

const ACCOUNT: Table = {
  name: "account",
  columns: {
    id: "bytes",
    email: "text",
    password_hash: "text",
    roles: "json",
    epoch: "number",
    epoch_at: "number",
    failures: "number",
    created_at: "number",
    verified_at: "number",
    disabled_at: "number",
    deletion_at: "number",
  },
  fromSqlite: sql`SELECT * FROM account WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.account WHERE id > $1 ORDER BY id LIMIT $2`,
  // Whoever polls the feed from the beginning goes by the times; the numbers of transactions are those of now.
  insert: sql`
    INSERT INTO nightlatch.account (id, email, password_hash, roles, epoch, epoch_at, epoch_xid, failures, created_at,
      verified_at, disabled_at, deletion_at)
    SELECT decode(row.id, 'hex'), row.email, row.password_hash, row.roles, row.epoch, row.epoch_at,
      CASE WHEN row.epoch > 1 THEN pg_current_xact_id() END, row.failures, row.created_at, row.verified_at,
      row.disabled_at, row.deletion_at
    FROM jsonb_to_recordset($1::jsonb) AS row (id text, email text, password_hash text, roles jsonb, epoch bigint,
      epoch_at bigint, failures bigint, created_at bigint, verified_at bigint, disabled_at bigint, deletion_at bigint)`,
}

const SESSION: Table = {
  name: "session",
  columns: {
    id: "bytes",
    account_id: "bytes",
    created_at: "number",
    absolute_end: "number",
    idle_end: "number",
    generation: "number",
    current_hash: "bytes",
    previous_hash: "bytes",
    salt: "bytes",
    rotated_at: "number",
    revoked_at: "number",
    reason: "text",
    transport: "text",
    persistent: "flag",
    authenticated_at: "number",
    methods: "json",
    client: "text",
    address_prefix: "text",
    bound_key: "bytes",
  },
  fromSqlite: sql`SELECT * FROM session WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.session WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.session (id, account_id, created_at, absolute_end, idle_end, generation, current_hash,
      previous_hash, salt, rotated_at, revoked_at, revoked_xid, reason, transport, persistent, authenticated_at,
      methods, client, address_prefix, bound_key)
    SELECT decode(row.id, 'hex'), decode(row.account_id, 'hex'), row.created_at, row.absolute_end, row.idle_end,
      row.generation, decode(row.current_hash, 'hex'), decode(row.previous_hash, 'hex'), decode(row.salt, 'hex'),
      row.rotated_at, row.revoked_at, CASE WHEN row.revoked_at IS NOT NULL THEN pg_current_xact_id() END, row.reason,
      row.transport, row.persistent, row.authenticated_at, row.methods, row.client, row.address_prefix,
      decode(row.bound_key, 'hex')
    FROM jsonb_to_recordset($1::jsonb) AS row (id text, account_id text, created_at bigint, absolute_end bigint,
      idle_end bigint, generation bigint, current_hash text, previous_hash text, salt text, rotated_at bigint,
      revoked_at bigint, reason text, transport text, persistent boolean, authenticated_at bigint, methods jsonb,
      client text, address_prefix text, bound_key text)`,
}

const ONE_TIME_TOKEN: Table = {
  name: "one_time_token",
  columns: { hash: "bytes", purpose: "text", email: "text", account_id: "bytes", expires_at: "number" },
  fromSqlite: sql`SELECT * FROM one_time_token WHERE hash > ? ORDER BY hash LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.one_time_token WHERE hash > $1 ORDER BY hash LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.one_time_token (hash, purpose, email, account_id, expires_at)
    SELECT decode(row.hash, 'hex'), row.purpose, row.email, decode(row.account_id, 'hex'), row.expires_at
    FROM jsonb_to_recordset($1::jsonb) AS row (hash text, purpose text, email text, account_id text, expires_at bigint)`,
}

const OUTBOX: Table = {
  name: "outbox",
  columns: {
    id: "number",
    purpose: "text",
    email: "text",
    account_id: "bytes",
    decoy: "flag",
    language: "text",
    created_at: "number",
    counted: "flag",
    attempts: "number",
    due_at: "number",
    leased: "flag",
    budget: "text",
    flow_id: "bytes",
    about: "text",
  },
  fromSqlite: sql`SELECT * FROM outbox WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.outbox WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.outbox (id, purpose, email, account_id, decoy, language, created_at, counted, attempts, due_at,
      leased, budget, flow_id, about)
    OVERRIDING SYSTEM VALUE
    SELECT row.id, row.purpose, row.email, decode(row.account_id, 'hex'), row.decoy, row.language, row.created_at,
      row.counted, row.attempts, row.due_at, row.leased, row.budget, decode(row.flow_id, 'hex'), row.about
    FROM jsonb_to_recordset($1::jsonb) AS row (id bigint, purpose text, email text, account_id text, decoy boolean,
      language text, created_at bigint, counted boolean, attempts bigint, due_at bigint, leased boolean, budget text,
      flow_id text, about text)`,
}

const MAIL_FLOW: Table = {
  name: "mail_flow",
  columns: {
    id: "bytes",
    purpose: "text",
    email: "text",
    account_id: "bytes",
    secret_hash: "bytes",
    token_hash: "bytes",
    code_mac: "bytes",
    tries: "number",
    client: "text",
    address_prefix: "text",
    persistent: "flag",
    created_at: "number",
    expires_at: "number",
  },
  fromSqlite: sql`SELECT * FROM mail_flow WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.mail_flow WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.mail_flow (id, purpose, email, account_id, secret_hash, token_hash, code_mac, tries, client,
      address_prefix, persistent, created_at, expires_at)
    SELECT decode(row.id, 'hex'), row.purpose, row.email, decode(row.account_id, 'hex'), decode(row.secret_hash, 'hex'),
      decode(row.token_hash, 'hex'), decode(row.code_mac, 'hex'), row.tries, row.client, row.address_prefix,
      row.persistent, row.created_at, row.expires_at
    FROM jsonb_to_recordset($1::jsonb) AS row (id text, purpose text, email text, account_id text, secret_hash text,
      token_hash text, code_mac text, tries bigint, client text, address_prefix text, persistent boolean,
      created_at bigint, expires_at bigint)`,
}

const IDENTITY: Table = {
  name: "identity",
  columns: {
    id: "bytes",
    issuer: "text",
    subject: "text",
    account_id: "bytes",
    provider: "text",
    email: "text",
    tokens: "bytes",
    created_at: "number",
    last_used_at: "number",
  },
  fromSqlite: sql`SELECT * FROM identity WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.identity WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.identity (id, issuer, subject, account_id, provider, email, tokens, created_at, last_used_at)
    SELECT decode(row.id, 'hex'), row.issuer, row.subject, decode(row.account_id, 'hex'), row.provider, row.email,
      decode(row.tokens, 'hex'), row.created_at, row.last_used_at
    FROM jsonb_to_recordset($1::jsonb) AS row (id text, issuer text, subject text, account_id text, provider text,
      email text, tokens text, created_at bigint, last_used_at bigint)`,
}

const REDEEMED_STATE: Table = {
  name: "redeemed_state",
  columns: { hash: "bytes", expires_at: "number" },
  fromSqlite: sql`SELECT * FROM redeemed_state WHERE hash > ? ORDER BY hash LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.redeemed_state WHERE hash > $1 ORDER BY hash LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.redeemed_state (hash, expires_at)
    SELECT decode(row.hash, 'hex'), row.expires_at
    FROM jsonb_to_recordset($1::jsonb) AS row (hash text, expires_at bigint)`,
}

const EVENT: Table = {
  name: "event",
  columns: {
    id: "number",
    at: "number",
    type: "text",
    account_id: "bytes",
    session_id: "bytes",
    address_prefix: "text",
    client: "text",
    detail: "json",
    count: "number",
    minute: "number",
  },
  fromSqlite: sql`SELECT * FROM event WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.event WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.event (id, at, type, account_id, session_id, address_prefix, client, detail, count, minute)
    OVERRIDING SYSTEM VALUE
    SELECT row.id, row.at, row.type, decode(row.account_id, 'hex'), decode(row.session_id, 'hex'), row.address_prefix,
      row.client, row.detail, row.count, row.minute
    FROM jsonb_to_recordset($1::jsonb) AS row (id bigint, at bigint, type text, account_id text, session_id text,
      address_prefix text, client text, detail jsonb, count bigint, minute bigint)`,
}

/** Until when which secret signed; who has it now tells itself. */
const ROOT_SECRET: Table = {
  name: "root_secret",
  columns: { id: "text", known_at: "number", signed_at: "number", removed_at: "number" },
  fromSqlite: sql`SELECT * FROM root_secret WHERE id > ? ORDER BY id LIMIT ?`,
  fromPostgres: sql`SELECT * FROM nightlatch.root_secret WHERE id > $1 ORDER BY id LIMIT $2`,
  insert: sql`
    INSERT INTO nightlatch.root_secret (id, known_at, signed_at, removed_at)
    SELECT row.id, row.known_at, row.signed_at, row.removed_at
    FROM jsonb_to_recordset($1::jsonb) AS row (id text, known_at bigint, signed_at bigint, removed_at bigint)`,
}

export const TABLES: readonly Table[] = [
  ACCOUNT,
  SESSION,
  ONE_TIME_TOKEN,
  OUTBOX,
  MAIL_FLOW,
  IDENTITY,
  REDEEMED_STATE,
  ROOT_SECRET,
  EVENT,
]
