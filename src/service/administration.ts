/**
 * What an operator does to accounts from the command line, on the store itself: beside a running service, which hears of it
 * through its revocation feed within two seconds, or without one.
 */
import { randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { prepareFile } from "../checklist/database/index.ts"
import { describeEvent } from "../checklist/event/index.ts"
import { createPasswords, readPassword } from "../checklist/password/index.ts"
import { toBase64url } from "../core/bytes.ts"
import { BY_COMMAND, type EventType, type NewEvent, type SecurityEvent } from "../core/event.ts"
import { Faults } from "../core/misuse.ts"
import { normaliseMailAddress } from "../flows/mail/index.ts"
import { openStore } from "../store/open.ts"
import type { Account, Changed, Store } from "../store/store.ts"
import type { Configuration } from "./configuration.ts"
import { databaseOf } from "./database.ts"
import { faultOfRoles } from "./roles.ts"

/** A wish that cannot be granted, in a sentence for the operator. */
export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly why: string }

export interface Administration {
  create(email: string, password: string, roles: readonly string[]): Promise<Outcome<Account>>
  invite(email: string, roles: readonly string[]): Promise<Outcome<Account>>
  setDisabled(email: string, disabled: boolean): Promise<Outcome<Account>>
  setRoles(email: string, roles: readonly string[]): Promise<Outcome<Account>>
  remove(email: string): Promise<Outcome<Account>>
  accounts(): AsyncIterable<Account>
  find(email: string): Promise<Account | undefined>
  /** Undefined when the account is gone. */
  emailOf(accountId: string): Promise<string | undefined>
  /** Newest first. */
  events(page: { accountId?: string; before?: number; limit: number }): Promise<readonly SecurityEvent[]>
  close(): Promise<void>
}

const PAGE = 200
const BY: Readonly<Record<string, string>> = Object.freeze({ by: BY_COMMAND })

export interface Opening {
  /** Whether a missing database is made. */
  readonly make: boolean
}

/** @throws MisuseError `database.missing` when there is none and none shall be made, and for every fault of the file */
export async function openAdministration(
  configuration: Configuration,
  opening: Opening,
): Promise<Administration> {
  const store = await openDatabase(configuration, opening)
  const event = (type: EventType, accountId: string): readonly NewEvent[] => [{ type, accountId, detail: BY }]

  async function change(
    email: string,
    act: (account: Account) => Promise<Changed>,
  ): Promise<Outcome<Account>> {
    const account = await find(store, email)
    if (account === undefined) return { kind: "refused", why: "there is no account with this address" }
    const changed = await act(account)
    return changed.kind === "changed"
      ? { kind: "done", value: changed.account }
      : { kind: "refused", why: "the account was deleted a moment ago" }
  }

  return {
    async create(email, password, roles) {
      const address = normaliseMailAddress(email)
      const why = address === undefined ? NO_ADDRESS : faultOfRoles(roles)
      if (address === undefined || why !== undefined) return { kind: "refused", why: why ?? NO_ADDRESS }
      const hashed = await hashPassword(configuration, address, password)
      if (hashed.kind === "refused") return hashed
      const id = newId()
      const made = await store.createAccount({
        id,
        email: address,
        passwordHash: hashed.value,
        roles,
        verified: true,
        events: event("account.created", id),
      })
      return made.kind === "created" ? { kind: "done", value: made.account } : { kind: "refused", why: TAKEN }
    },

    async invite(email, roles) {
      const address = normaliseMailAddress(email)
      const why = address === undefined ? NO_ADDRESS : faultOfRoles(roles)
      if (address === undefined || why !== undefined) return { kind: "refused", why: why ?? NO_ADDRESS }
      const id = newId()
      const made = await store.createAccount({
        id,
        email: address,
        passwordHash: null,
        roles,
        verified: false,
        events: event("account.invited", id),
        mail: { purpose: "invite", email: address, accountId: id, decoy: false, language: "en" },
      })
      return made.kind === "created" ? { kind: "done", value: made.account } : { kind: "refused", why: TAKEN }
    },

    setDisabled: (email, disabled) =>
      change(email, (account) =>
        store.setDisabled({
          accountId: account.id,
          disabled,
          events: event(disabled ? "account.disabled" : "account.enabled", account.id),
        }),
      ),

    async setRoles(email, roles) {
      const why = faultOfRoles(roles)
      if (why !== undefined) return { kind: "refused", why }
      return change(email, (account) =>
        store.setRoles({ accountId: account.id, roles, events: event("account.roles_changed", account.id) }),
      )
    },

    remove: (email) =>
      change(email, (account) =>
        store.deleteAccount({ accountId: account.id, events: event("account.deleted", account.id) }),
      ),

    async *accounts() {
      for (let after: string | undefined; ; ) {
        const page = await store.listAccounts(after === undefined ? { limit: PAGE } : { after, limit: PAGE })
        yield* page
        after = page.at(-1)?.id
        if (page.length < PAGE) return
      }
    },

    find: (email) => find(store, email),
    emailOf: async (accountId) => (await store.findAccount(accountId))?.email,
    events: (page) => store.listEvents(page),
    close: () => store.close(),
  }
}

const NO_ADDRESS = "that is not a mail address"
const TAKEN = "there is already an account with this address"

/** The store to import into; undefined in a dry run without a database, which makes none. */
export async function openForImport(
  configuration: Configuration,
  dryRun: boolean,
): Promise<Store | undefined> {
  const place = databaseOf(configuration)
  const missing = place.kind === "sqlite" && !existsSync(place.path)
  return dryRun && missing ? undefined : openDatabase(configuration, { make: true })
}

/** Opens, and so migrates, the store of a configuration. */
export async function openDatabase(configuration: Configuration, { make }: Opening): Promise<Store> {
  const place = databaseOf(configuration)
  if (place.kind === "postgres") return openStore(place, { exclusive: false })
  const { path } = place
  const faults = new Faults()
  if (make || path === ":memory:" || existsSync(path)) prepareFile(path, faults)
  else {
    faults.add(
      "database.missing",
      configuration.sources.get("database") ?? "NIGHTLATCH_DATABASE",
      `there is no database ${path}`,
      "Name another by --database or NIGHTLATCH_DATABASE; the service makes one when it starts.",
    )
  }
  faults.throwIfAny()
  return openStore(place, { exclusive: false })
}

/** One event as one line for a person. @param whose the account in words, or undefined when it is nobody's */
export function eventLine(event: SecurityEvent, whose: string | undefined): string {
  const time = new Date(event.at).toISOString().replace("T", " ").slice(0, 19)
  return [time, ...(whose === undefined ? [] : [whose]), describeEvent(event)].join("  ")
}

async function find(store: Store, email: string): Promise<Account | undefined> {
  const address = normaliseMailAddress(email)
  return address === undefined ? undefined : store.findAccountByEmail(address)
}

async function hashPassword(
  configuration: Configuration,
  email: string,
  password: string,
): Promise<Outcome<string>> {
  const faults = new Faults()
  const policy = readPassword(configuration.options.password, faults)
  faults.throwIfAny()
  const host = new URL(String(configuration.options.origin)).hostname
  const passwords = createPasswords({ policy, contextWords: [host] })
  const refusal =
    passwords.check(password, [email]) ??
    (await passwords.hash(password, { network: "command line", account: email }))
  return refusal.kind === "hashed"
    ? { kind: "done", value: refusal.hash }
    : { kind: "refused", why: `${refusal.refusal.title.replace(/\.$/, "")}: ${refusal.reason}` }
}

function newId(): string {
  return toBase64url(randomBytes(16))
}
