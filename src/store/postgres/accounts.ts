import { sql } from "../../core/statement.ts"
import { readAccount, readId, toBlob } from "../rows.ts"
import type { Account, AccountChange, Changed, ImportedAccount, Store } from "../store.ts"
import { lockAccount } from "./address.ts"
import { dropOutstanding, endSessions, forgetTraces } from "./end.ts"
import { toRecords, writeEvents } from "./events.ts"
import type { Executor, Row } from "./executor.ts"
import { readNow } from "./find.ts"
import { insertMail } from "./mail.ts"

const LIST = sql`
  SELECT * FROM nightlatch.account
  WHERE (created_at, id) > (coalesce((SELECT created_at FROM nightlatch.account WHERE id = $1), -1), $1)
  ORDER BY created_at, id LIMIT $2`
const INSERT = sql`
  INSERT INTO nightlatch.account (id, email, password_hash, roles, epoch_at, created_at, verified_at)
  SELECT $1, $2, $3, $4::jsonb, now, now, CASE WHEN $5 THEN now END FROM nightlatch.now_ms() AS now
  ON CONFLICT DO NOTHING RETURNING *`
const IMPORT = sql`
  INSERT INTO nightlatch.account
    (id, email, password_hash, roles, epoch_at, created_at, verified_at, disabled_at)
  SELECT decode(told.id, 'hex'), told.email, told.password_hash, told.roles, now, least(coalesce(told.created_at, now), now),
    CASE WHEN told.verified THEN now END, CASE WHEN told.disabled THEN now END
  FROM nightlatch.now_ms() AS now, jsonb_to_recordset($1::jsonb) AS told (id text, email text, password_hash text,
    roles jsonb, verified boolean, disabled boolean, created_at bigint)
  ON CONFLICT DO NOTHING RETURNING id, epoch_at`
/** The condition is that of its index. */
const COUNT_FOREIGN = sql`
  SELECT count(*) AS n FROM nightlatch.account WHERE left(password_hash, 10) <> '$argon2id$'`
/** Each of these changes takes the lock of the account; the statement after it sees what it waited for. */
const SET_ROLES = sql`
  UPDATE nightlatch.account
  SET roles = $1::jsonb, epoch = epoch + 1, epoch_at = nightlatch.now_ms(), epoch_xid = pg_current_xact_id()
  WHERE id = $2 RETURNING *`
const SET_DISABLED = sql`
  UPDATE nightlatch.account
  SET disabled_at = CASE WHEN $1 THEN nightlatch.now_ms() END, epoch = epoch + 1, epoch_at = nightlatch.now_ms(),
    epoch_xid = pg_current_xact_id()
  WHERE id = $2 RETURNING *`
const SCHEDULE = sql`
  UPDATE nightlatch.account SET deletion_at = nightlatch.now_ms() + $1::bigint WHERE id = $2 RETURNING *`
const DELETE = sql`DELETE FROM nightlatch.account WHERE id = $1`
const DELETE_IDENTITIES = sql`DELETE FROM nightlatch.identity WHERE account_id = $1`
const DUE_DELETIONS = sql`
  SELECT * FROM nightlatch.account WHERE deletion_at <= nightlatch.now_ms() ORDER BY deletion_at LIMIT $1`
/**
 * The account first and the shared row of the event last, so that everybody waits in one direction. For an unknown account
 * the same statement runs and finds nothing to count up. The row of the event as in `countEvent`.
 */
const FAIL = sql`
  WITH failed AS (
    UPDATE nightlatch.account SET failures = failures + 1 WHERE id = $1 RETURNING failures
  ), moment AS MATERIALIZED (
    SELECT at, at / 60000 AS minute, (SELECT max(failures) FROM failed) AS failures FROM nightlatch.now_ms() AS at
  ), closed AS (
    INSERT INTO nightlatch.event (at, type, account_id, session_id, address_prefix, client, detail)
    SELECT moment.at, told.type, decode(told.account_id, 'hex'), decode(told.session_id, 'hex'), told.address_prefix,
      told.client, told.detail
    FROM moment, jsonb_to_recordset($2::jsonb) AS told (type text, account_id text, session_id text,
      address_prefix text, client text, detail jsonb)
    WHERE moment.failures = $3::bigint
  ), told AS MATERIALIZED (
    SELECT moment.at, moment.minute, told.type, decode(told.account_id, 'hex') AS account_id, told.address_prefix,
      told.client, told.detail
    FROM moment, jsonb_to_recordset($4::jsonb) AS told (type text, account_id text, address_prefix text, client text,
      detail jsonb)
  ), room AS MATERIALIZED (
    SELECT told.*, EXISTS (
        SELECT FROM nightlatch.event
        WHERE event.minute = told.minute AND event.type = told.type
          AND coalesce(event.account_id, '') = coalesce(told.account_id, '')
          AND coalesce(event.address_prefix, '') = coalesce(told.address_prefix, '')
      ) OR (
        SELECT count(*) FROM (
          SELECT FROM nightlatch.event WHERE event.minute = told.minute LIMIT 1000
        ) AS few
      ) < 1000 AS free
    FROM told
  )
  INSERT INTO nightlatch.event (at, type, account_id, address_prefix, client, detail, minute)
  SELECT at, type, CASE WHEN free THEN account_id END, CASE WHEN free THEN address_prefix ELSE 'others' END,
    CASE WHEN free THEN client END, CASE WHEN free THEN detail END, minute
  FROM room
  ON CONFLICT (minute, type, coalesce(account_id, ''), coalesce(address_prefix, '')) WHERE minute IS NOT NULL
  DO UPDATE SET count = event.count + 1`

export async function listAccounts(
  db: Executor,
  page: Parameters<Store["listAccounts"]>[0],
): Promise<readonly Account[]> {
  return (await db.all(LIST, toBlob(page.after ?? ""), page.limit)).map(readAccount)
}

export async function createAccount(
  db: Executor,
  input: Parameters<Store["createAccount"]>[0],
): ReturnType<Store["createAccount"]> {
  const { email, passwordHash, verified } = input
  const roles = JSON.stringify(input.roles)
  const row = await db.first(INSERT, toBlob(input.id), email, passwordHash, roles, verified)
  if (row === undefined) return { kind: "taken" }
  const account = readAccount(row)
  await writeEvents(db, account.createdAt, input.events)
  if (input.mail !== undefined) await insertMail(db, account.createdAt, input.mail)
  return { kind: "created", account }
}

export async function importAccounts(
  db: Executor,
  input: readonly ImportedAccount[],
): ReturnType<Store["importAccounts"]> {
  const rows = await db.all(
    IMPORT,
    JSON.stringify(
      input.map((account) => ({
        id: Buffer.from(toBlob(account.id)).toString("hex"),
        email: account.email,
        password_hash: account.passwordHash,
        roles: account.roles,
        verified: account.verified,
        disabled: account.disabled,
        created_at: account.createdAt ?? null,
      })),
    ),
  )
  const created = new Set(rows.map((row) => readId(row.id)))
  const events = input.filter(({ id }) => created.has(id)).flatMap((account) => account.events)
  await writeEvents(db, Number(rows[0]?.epoch_at ?? 0), events)
  return input.map(({ id }) => (created.has(id) ? "created" : "taken"))
}

export async function countForeignHashes(db: Executor): Promise<number> {
  return Number((await db.first(COUNT_FOREIGN))?.n)
}

export async function setRoles(
  db: Executor,
  input: Parameters<Store["setRoles"]>[0],
): ReturnType<Store["setRoles"]> {
  const row = await db.first(SET_ROLES, JSON.stringify(input.roles), toBlob(input.accountId))
  if (row === undefined) return { kind: "unknown" }
  await writeEvents(db, Number(row.epoch_at), input.events)
  return changed(row)
}

export async function setDisabled(
  db: Executor,
  input: Parameters<Store["setDisabled"]>[0],
): ReturnType<Store["setDisabled"]> {
  const { accountId, disabled } = input
  const row = await db.first(SET_DISABLED, disabled, toBlob(accountId))
  if (row === undefined) return { kind: "unknown" }
  const now = Number(row.epoch_at)
  const revoked = disabled ? await endSessions(db, now, { accountId, reason: "disabled" }) : []
  if (disabled) await dropOutstanding(db, accountId)
  await writeEvents(db, now, input.events)
  return changed(row, revoked)
}

export async function deleteAccount(db: Executor, input: AccountChange): ReturnType<Store["deleteAccount"]> {
  const account = await lockAccount(db, input.accountId)
  if (account === undefined) return { kind: "unknown" }
  const now = await readNow(db)
  const revoked = await endSessions(db, now, { accountId: account.id, reason: "deleted" })
  await forgetTraces(db, account.id)
  await dropOutstanding(db, account.id)
  await db.run(DELETE_IDENTITIES, toBlob(account.id))
  await db.run(DELETE, toBlob(account.id))
  await writeEvents(db, now, input.events)
  return { kind: "changed", account, revoked }
}

export async function scheduleDeletion(
  db: Executor,
  input: Parameters<Store["scheduleDeletion"]>[0],
): ReturnType<Store["scheduleDeletion"]> {
  const row = await db.first(SCHEDULE, input.delayMs, toBlob(input.accountId))
  if (row === undefined) return { kind: "unknown" }
  const now = await readNow(db)
  if (input.mail !== undefined) await insertMail(db, now, input.mail)
  await writeEvents(db, now, input.events)
  return changed(row)
}

export async function listDueDeletions(db: Executor, limit: number): Promise<readonly Account[]> {
  return (await db.all(DUE_DELETIONS, limit)).map(readAccount)
}

export async function countFailure(db: Executor, input: Parameters<Store["countFailure"]>[0]): Promise<void> {
  await db.run(
    FAIL,
    toBlob(input.accountId ?? ""),
    toRecords([input.closedEvent]),
    input.closesAt,
    toRecords([input.event]),
  )
}

function changed(row: Row, revoked: readonly string[] = []): Changed {
  return { kind: "changed", account: readAccount(row), revoked }
}
