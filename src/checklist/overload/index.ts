export { limitServer } from "./limit-server.ts"
export { type OverloadOptions, type OverloadPolicy, readOverload, type ServerLimits } from "./options.ts"
export { createOverload, type Overload } from "./overload.ts"
export { state } from "./state.ts"
