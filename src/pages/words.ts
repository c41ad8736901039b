import type { EventType } from "../core/event.ts"

/** Everything the pages say in one language. `{…}` is filled in: the same names in every language. */
export interface PageWords {
  /** For the switch of languages, in that language. */
  readonly language: string
  readonly layout: {
    readonly skip: string
    readonly error: string
    readonly reference: string
    readonly why: string
    readonly hide: string
    readonly show: string
  }
  readonly field: Readonly<
    Record<
      | "email"
      | "password"
      | "newPassword"
      | "currentPassword"
      | "newEmail"
      | "remember"
      | "code"
      | "oldCode"
      | "newCode"
      | "link"
      | "linkHint"
      | "passwordHint",
      string
    >
  >
  /** What a refused form says, by the code of the refusal. */
  readonly problems: Readonly<Record<string, string>>
  /** What a form says that was not filled in as it has to be. */
  readonly invalid: Readonly<
    Record<"signIn" | "email" | "password" | "passwords" | "code" | "codes" | "form", string>
  >
  readonly signIn: Readonly<
    Record<
      | "title"
      | "submit"
      | "link"
      | "forgot"
      | "register"
      | "or"
      | "provider"
      | "recent"
      | "ended"
      | "signedIn"
      | "continue"
      | "doneOut"
      | "doneReset"
      | "linking",
      string
    >
  >
  readonly register: Readonly<
    Record<
      "title" | "lede" | "submit" | "have" | "haveLede" | "choose" | "finish" | "signIn" | "closed",
      string
    >
  >
  readonly reset: Readonly<
    Record<"title" | "lede" | "submit" | "have" | "haveLede" | "choose" | "finish" | "signIn", string>
  >
  readonly checkMail: Readonly<
    Record<"title" | "sent" | "sentTo" | "submit" | "late" | "again" | "againLink" | "codeEnded", string>
  >
  readonly emailLink: Readonly<
    Record<
      | "title"
      | "asked"
      | "submit"
      | "elsewhereTitle"
      | "elsewhere"
      | "who"
      | "client"
      | "network"
      | "time"
      | "unknownClient"
      | "deny"
      | "denyHint"
      | "deniedTitle"
      | "denied"
      | "endedTitle"
      | "ended"
      | "askAgain",
      string
    >
  >
  readonly botCheck: Readonly<
    Record<
      | "title"
      | "lede"
      | "widgetLede"
      | "submit"
      | "working"
      | "slow"
      | "done"
      | "failed"
      | "again"
      | "widget"
      | "noScript",
      string
    >
  >
  readonly bounce: Readonly<Record<"title" | "lede" | "link", string>>
  readonly problem: Readonly<Record<"title" | "signIn" | "retry", string>>
  readonly settings: Readonly<
    Record<
      | "title"
      | "signOut"
      | "profile"
      | "address"
      | "since"
      | "changeAddress"
      | "changeAddressHint"
      | "askCodes"
      | "codesLede"
      | "saveAddress"
      | "methods"
      | "password"
      | "passwordSet"
      | "passwordNone"
      | "changePassword"
      | "changePasswordHint"
      | "savePassword"
      | "setPassword"
      | "setPasswordHint"
      | "mailMethod"
      | "mailMethodHint"
      | "linked"
      | "unlink"
      | "addProvider"
      | "pending"
      | "sessions"
      | "sessionsLede"
      | "thisBrowser"
      | "started"
      | "lastUsed"
      | "unknownDevice"
      | "end"
      | "endNamed"
      | "endOthers"
      | "events"
      | "eventsLede"
      | "noEvents"
      | "times"
      | "data"
      | "download"
      | "downloadHint"
      | "downloadSubmit"
      | "deleteOpen"
      | "delete"
      | "deleteHint"
      | "deleteSubmit"
      | "deleting"
      | "keep"
      | "recent"
      | "recentLink",
      string
    >
  >
  /** What was done, at the top of the account page, by the word in the address. */
  readonly done: Readonly<Record<string, string>>
  readonly events: Readonly<Record<EventType, string>>
  readonly diagnosis: DiagnosisWords
}

/** One thing that is looked at: its name, how it should be, and what to change when it is not. */
interface CheckWords {
  readonly name: string
  readonly good: string
  readonly bad: string
  readonly fix: string
}

export interface DiagnosisWords {
  readonly title: string
  readonly lede: string
  readonly result: string
  readonly allWell: string
  readonly allWellFix: string
  readonly change: string
  readonly testing: string
  readonly noScript: string
  readonly checks: string
  readonly facts: string
  readonly again: string
  readonly state: Readonly<Record<"good" | "bad" | "unknown", string>>
  readonly check: Readonly<
    Record<
      | "origin"
      | "https"
      | "twice"
      | "csrf"
      | "cookies"
      | "someCookies"
      | "clock"
      | "from"
      | "site"
      | "session"
      | "access",
      CheckWords
    >
  >
  /** What the store says of the refresh cookie. */
  readonly verdict: Readonly<Record<"none" | "good" | "foreign" | "ended" | "safety", string>>
  readonly access: Readonly<Record<"none" | "good" | "bad", string>>
  readonly fact: Readonly<
    Record<
      | "origin"
      | "seen"
      | "cookies"
      | "noCookies"
      | "refresh"
      | "access"
      | "time"
      | "fetch"
      | "partitioned"
      | "notTested"
      | "yes"
      | "no",
      string
    >
  >
}
