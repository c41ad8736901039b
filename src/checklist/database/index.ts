export { prepareFile } from "./file.ts"
export { makeFolder } from "./folder.ts"
export { state } from "./state.ts"
export { placeOf, readDatabase } from "./url.ts"
