export { checkCors, state, VARY_BY_ORIGIN } from "./cors.ts"
export { type CorsOptions, type CorsPolicy, readCors } from "./options.ts"
