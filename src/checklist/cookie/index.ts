export type { CookieNames, CookiePolicy, FlowCookie, FlowCookieName } from "./cookie.ts"
export { type CookieOptions, readCookies } from "./options.ts"
export { state } from "./state.ts"
