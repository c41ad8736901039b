import { randomBytes } from "node:crypto"
import type { CookiePolicy } from "../checklist/cookie/index.ts"
import type { Sessions } from "../checklist/session/index.ts"
import { toBase64url } from "../core/bytes.ts"
import { MisuseError } from "../core/misuse.ts"
import { normaliseMailAddress } from "../flows/mail/index.ts"
import type { Account, Store } from "../store/store.ts"

/** For the tests of guarded routes: a real session without a password. */
export interface Testing {
  /**
   * Signs an account in.
   * @param who an account's id, or a mail address, for which an account is made when there is none; with `roles` the account
   * gets exactly these, which ends the access tokens it had
   * @returns the value for a `Cookie` header (both cookies), and what it says
   * @throws MisuseError when the id is nobody's, the account is disabled, or the address is none
   */
  signIn(
    who: { readonly userId: string } | { readonly email: string; readonly roles?: readonly string[] },
  ): Promise<TestSession>
}

export interface TestSession {
  readonly userId: string
  readonly sessionId: string
  /** For example `fetch(url, { headers: { cookie } })`. */
  readonly cookie: string
  readonly accessToken: string
}

export function createTesting(parts: {
  readonly store: Store
  readonly sessions: Sessions
  readonly cookies: CookiePolicy
}): Testing {
  const { store, sessions, cookies } = parts
  return {
    async signIn(who) {
      const account = "userId" in who ? await store.findAccount(who.userId) : await findOrCreate(store, who)
      const beginning = sessions.begin({
        transport: "cookie",
        persistent: true,
        methods: ["test"],
        client: "test",
        addressPrefix: "127.0.0.0/24",
      })
      const started =
        account === undefined
          ? ({ kind: "refused" } as const)
          : await store.startTrustedSession({
              accountId: account.id,
              session: beginning.row,
              events: [
                {
                  type: "session.started",
                  accountId: account.id,
                  sessionId: beginning.row.id,
                  client: "test",
                },
              ],
            })
      if (started.kind === "refused") {
        throw misuse(
          "testing.no_account",
          "there is no such account, or it is disabled",
          'Create it first, or sign in by address: signIn({ email: "someone@example.com" }).',
        )
      }
      const issued = beginning.finish(started.session, started.account)
      const pairs = [
        cookies.setAccess(issued.access.token, undefined),
        cookies.setRefresh(issued.refresh, undefined),
      ]
      return {
        userId: started.account.id,
        sessionId: started.session.id,
        cookie: pairs.map(([, value]) => value.slice(0, value.indexOf(";"))).join("; "),
        accessToken: issued.access.token,
      }
    },
  }
}

/** The account as sign-in would find it: the address in its one spelling, with exactly the roles that were asked for. */
async function findOrCreate(
  store: Store,
  who: { email: string; roles?: readonly string[] },
): Promise<Account | undefined> {
  const email = normaliseMailAddress(who.email)
  if (email === undefined)
    throw misuse(
      "testing.email",
      "the address is not one plain mail address",
      'Write it like "someone@example.com".',
    )
  const account = (await store.findAccountByEmail(email)) ?? (await create(store, email, who.roles ?? []))
  const { roles } = who
  if (account === undefined || roles === undefined || isSame(roles, account.roles)) return account
  const changed = await store.setRoles({
    accountId: account.id,
    roles,
    events: [{ type: "account.roles_changed", accountId: account.id }],
  })
  return changed.kind === "changed" ? changed.account : undefined
}

async function create(store: Store, email: string, roles: readonly string[]): Promise<Account | undefined> {
  const id = toBase64url(randomBytes(16))
  const created = await store.createAccount({
    id,
    email,
    passwordHash: null,
    roles,
    verified: true,
    events: [{ type: "account.created", accountId: id }],
  })
  return created.kind === "created" ? created.account : store.findAccountByEmail(email)
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one.toSorted()) === JSON.stringify(other.toSorted())
}

function misuse(code: string, problem: string, fix: string): MisuseError {
  return new MisuseError([{ code, path: "testing.signIn", problem, fix }])
}
