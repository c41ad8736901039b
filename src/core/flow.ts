import type { Reply, RequestView } from "./request.ts"
import type { Session } from "./session.ts"
import type { Refusal } from "./verdict.ts"

/** Reads a body up to a limit. An adapter supplies it; flows are the only ones who call it. */
export type BodyReader = (limitBytes: number) => Promise<BodyRead>

export type BodyRead =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  /** The client went away or sent a broken frame. */
  | { readonly kind: "broken" }

/** One request for a flow, after the guard has passed it. */
export interface FlowCall {
  readonly view: RequestView
  /** Known on `user` routes; on others when a valid access token came along. */
  readonly session: Session | undefined
  /** Path parameters by name. */
  readonly params: Readonly<Record<string, string>>
  readonly body: BodyReader
}

/**
 * Who may call a flow. `public`: anybody. `user`: a verified access token. `credential`: the flow judges the refresh or
 * access token itself (refresh, logout), so the guard's token row leaves it alone.
 */
type FlowAccess = "public" | "user" | "credential"

/** When a route asks for proof that it costs its caller something: after how many mails, or after how many failed sign-ins. */
export interface BotCheckRule {
  readonly before: "mail" | "sign-in"
  /** The member of the body that has the mail address. */
  readonly email: "email" | "newEmail"
}

/** A row of the route table: router, guard, documentation and tests are made from it. */
export interface FlowRoute {
  /** Unique, for example `login`. */
  readonly name: string
  readonly method: "GET" | "POST" | "DELETE"
  /** Absolute, below the base path, for example `/auth/sessions/:id`. */
  readonly path: string
  readonly access: FlowAccess
  /** Rate-limit policy per client address, for example `20/minute`, besides the general one. */
  readonly perAddress?: string
  /** The route whose limit this one shares: two ways to one thing are counted together. */
  readonly limitedAs?: string
  /** Media type an unsafe request must have; absent when there is no body. */
  readonly consumes?: "application/json" | "application/x-www-form-urlencoded"
  /** What a robot pays for before this runs; see `checklist/bot-check`. */
  readonly botCheck?: BotCheckRule
  /** The one foreign origin whose page may make a browser send an unsafe request here: a provider that answers by form_post. */
  readonly foreignOrigin?: string
  /** It asks nothing of the store, so nothing bounds how long it waits for one. */
  readonly storeless?: true
  readonly summary: string
  run(call: FlowCall): Reply | Promise<Reply>
  /** What the guard refuses on a route for people, as a page; without it, a problem document. */
  refused?(view: RequestView, refusal: Refusal, instance: string): Reply
}

export interface FlowMatcher {
  match(method: string, path: string): FlowMatch | undefined
}

export type FlowMatch =
  | { readonly kind: "route"; readonly route: FlowRoute; readonly params: Readonly<Record<string, string>> }
  | { readonly kind: "method"; readonly allow: string }
  /** Below the base path, but no flow: the application never sees it. */
  | { readonly kind: "missing" }
