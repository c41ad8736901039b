export { BLOCKLIST_SIZE } from "./blocklist.ts"
export { type FirebaseParameters, firebaseHash, readHash } from "./foreign.ts"
export type { Fairness } from "./hash-gate.ts"
export { type PasswordOptions, type PasswordPolicy, readPassword } from "./options.ts"
export {
  createPasswords,
  type Hashed,
  type Passwords,
  type PasswordsInput,
  type Verified,
} from "./password.ts"
export { state } from "./state.ts"
