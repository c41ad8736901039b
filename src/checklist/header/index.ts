export { pageHeaders, state } from "./header.ts"
export { type HeaderOptions, type HeaderPolicy, readHeader } from "./options.ts"
