export { prepareFile } from "./file.ts"
export { state } from "./state.ts"
