export { type CertificateInput, judgeCertificate } from "./certificate.ts"
export { checkHttps, state } from "./https.ts"
export { type HttpsOptions, type HttpsPolicy, readHttps } from "./options.ts"
