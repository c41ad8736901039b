import type { Reply } from "../core/request.ts"
import type { Fields, Form } from "./form.ts"
import { type Problem, problemPage } from "./problem.ts"
import { settingsPage } from "./settings.ts"
import type { Site } from "./site.ts"
import type { Visit } from "./visit.ts"
import type { Visitor } from "./visitor.ts"

/** What differs between the forms of the account page. */
interface Action extends Pick<Form, "flow" | "json" | "params" | "summary"> {
  readonly name: string
  /** The word for what was done; without it the flow's own answer goes out. */
  readonly done?: string
  /** The text for a body that the flow finds wrong. */
  readonly invalid?: "email" | "codes" | "passwords"
  /** The field whose value is shown again. */
  readonly keeps?: string
}

const ACTIONS: readonly Action[] = [
  {
    name: "email-change",
    flow: "email-change",
    summary: "Asks for another address.",
    json: (fields) => ({ newEmail: fields("newEmail") }),
    done: "address-asked",
    invalid: "email",
    keeps: "newEmail",
  },
  {
    name: "email-change-complete",
    flow: "email-change-complete",
    summary: "Changes the address by both codes.",
    json: (fields) => ({ oldCode: fields("oldCode"), newCode: fields("newCode") }),
    done: "address",
    invalid: "codes",
  },
  {
    name: "password-change",
    flow: "password-change",
    summary: "Changes the password.",
    json: (fields) => ({ currentPassword: fields("currentPassword"), newPassword: fields("newPassword") }),
    done: "password",
    invalid: "passwords",
  },
  {
    name: "password-set",
    flow: "password-forgot",
    summary: "Mails a link to choose a first password.",
    json: (_, visitor) => ({ email: visitor?.account.email ?? "" }),
    done: "password-asked",
  },
  {
    name: "identity-unlink",
    flow: "identity-unlink",
    summary: "Removes a way to sign in.",
    params: (fields) => ({ id: fields("id") }),
    done: "unlinked",
    keeps: "id",
  },
  {
    name: "session-end",
    flow: "sessions-end",
    summary: "Ends one session.",
    params: (fields) => ({ id: fields("id") }),
    done: "session",
  },
  {
    name: "sessions-end",
    flow: "sessions-end-others",
    summary: "Ends all other sessions.",
    done: "sessions",
  },
  { name: "export", flow: "account-export", summary: "Downloads the own data." },
  {
    name: "account-delete",
    flow: "account-delete",
    summary: "Asks for the deletion of the account.",
    json: () => ({}),
    done: "delete",
  },
  {
    name: "account-keep",
    flow: "account-keep",
    summary: "Takes the deletion back.",
    json: () => ({}),
    done: "keep",
  },
]

export function settingsForms(site: Site): readonly Form[] {
  return site.policy.ours.has("account") ? ACTIONS.map((each) => formOf(site, each)) : []
}

function formOf(site: Site, { name, done, invalid, keeps, ...rest }: Action): Form {
  const path = `${site.basePath}/settings`
  return {
    ...rest,
    name,
    user: true,
    page: (visit) => visit.href(path),
    ...(done === undefined ? {} : { done: (visit: Visit) => visit.href(path, { done }) }),
    again(
      visit: Visit,
      fields: Fields,
      given: Problem,
      visitor: Visitor | undefined,
    ): Reply | Promise<Reply> {
      if (visitor === undefined) return problemPage(visit, given, undefined)
      const wrong = given.code === "body.invalid" && invalid !== undefined
      const problem = wrong ? { ...given, text: visit.words.invalid[invalid] } : given
      return settingsPage(visit, visitor, {
        form: name,
        problem,
        ...(keeps === undefined ? {} : { value: fields(keeps) }),
      })
    },
  }
}
