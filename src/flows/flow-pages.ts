import type { FlowCall } from "../core/flow.ts"
import type { HeaderList, Reply } from "../core/request.ts"
import type { Refusal } from "../core/verdict.ts"

/** Pages for flows that a browser navigates through: callbacks of providers. */
export interface FlowPages {
  /**
   * 200 and a page that leads on by itself: the next request is one of our own, so it carries SameSite=Strict cookies,
   * which the request after another site's redirect does not.
   * @param location a path of the own origin or an address that `returnTo` has passed; anything else leads to the page
   * after signing in
   * @param headers for example the cookies of a new session
   */
  bounce(call: FlowCall, location: string, headers: HeaderList): Reply
  /**
   * A page that helps, with the refusal's status and headers.
   * @param next a path of the own origin to go on with; without it the sign-in page
   */
  problem(call: Pick<FlowCall, "view">, refusal: Refusal, next?: string): Reply
  /** The address to go to afterwards, if it is allowed; else the usual one. */
  returnTo(text: string | null): string
}
