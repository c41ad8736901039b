export type { CookieNames, CookiePolicy } from "./cookie.ts"
export { type CookieOptions, readCookies } from "./options.ts"
export { state } from "./state.ts"
