import type { Rate } from "../checklist/rate-limit/index.ts"
import type { BodyReader } from "../core/flow.ts"
import type { HeaderList, Reply, RequestView } from "../core/request.ts"
import type { Session } from "../core/session.ts"
import type { Verdict } from "../core/verdict.ts"

/** What an adapter does with a request after the guard has seen it. */
export type Entered =
  /** The application answers; `headers` have the last word over its own. */
  | Passed
  /** The answer is ready: a refusal, a preflight. */
  | { readonly kind: "reply"; readonly reply: Reply }
  /** A flow of ours answers and needs the body. It never rejects. */
  | { readonly kind: "flow"; run(body: BodyReader): Reply | Promise<Reply> }

/** A request the application may see. Adapters keep it beside the request, for `requireUser` and its kin. */
export interface Passed {
  readonly kind: "pass"
  readonly view: RequestView
  readonly session: Session | undefined
  readonly headers: HeaderList
  /**
   * For `limit`: counts a key, or without one the client's address, under a name; one owner per name, another one is misuse.
   * A promise when the limit is shared with other processes; it does not reject.
   */
  take(name: string, rate: Rate, key: string | undefined, owner: object): Verdict | Promise<Verdict>
  /** A refusal of a later rule as an answer, with the guard's headers. */
  render(verdict: Verdict): Reply | undefined
  /** The answer to a body that grew beyond the limit while the application read it. */
  tooLarge(): Reply
}
