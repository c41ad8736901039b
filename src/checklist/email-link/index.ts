export { createEmailLinks, type EmailLinks, type NewFlow } from "./email-link.ts"
export { type EmailLinkOptions, type EmailLinkPolicy, readEmailLink } from "./options.ts"
export { state } from "./state.ts"
