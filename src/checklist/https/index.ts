export { checkHttps, state } from "./https.ts"
export { type HttpsOptions, type HttpsPolicy, readHttps } from "./options.ts"
