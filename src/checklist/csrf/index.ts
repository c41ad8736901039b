export { checkCsrf, state } from "./csrf.ts"
export { type CsrfOptions, type CsrfPolicy, readCsrf } from "./options.ts"
