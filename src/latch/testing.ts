import { randomBytes } from "node:crypto"
import type { CookiePolicy } from "../checklist/cookie/index.ts"
import type { Sessions } from "../checklist/session/index.ts"
import { toBase64url } from "../core/bytes.ts"
import { MisuseError } from "../core/misuse.ts"
import type { Account, Store } from "../store/store.ts"

/** For the tests of guarded routes: a real session without a password. */
export interface Testing {
  /**
   * Signs an account in.
   * @param who an account's id, or a mail address, for which an account is made when there is none
   * @returns the value for a `Cookie` header (both cookies), and what it says
   * @throws MisuseError when the id is nobody's, or the account is disabled
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
        throw new MisuseError([
          {
            code: "testing.no_account",
            path: "testing.signIn",
            problem: "there is no such account, or it is disabled",
            fix: 'Create it first, or sign in by address: signIn({ email: "someone@example.com" }).',
          },
        ])
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

async function findOrCreate(
  store: Store,
  who: { email: string; roles?: readonly string[] },
): Promise<Account | undefined> {
  const known = await store.findAccountByEmail(who.email)
  if (known !== undefined) return known
  const id = toBase64url(randomBytes(16))
  const created = await store.createAccount({
    id,
    email: who.email,
    passwordHash: null,
    roles: who.roles ?? [],
    verified: true,
    events: [{ type: "account.created", accountId: id }],
  })
  return created.kind === "created" ? created.account : store.findAccountByEmail(who.email)
}
