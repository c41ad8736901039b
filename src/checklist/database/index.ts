export { prepareFile } from "./file.ts"
export { state } from "./state.ts"
export { placeOf, readDatabase } from "./url.ts"
