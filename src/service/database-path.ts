import { resolve } from "node:path"
import type { Configuration } from "./configuration.ts"

/** Where the database of a configuration lives: absolute, or `:memory:`. */
export function databasePath({ folder, options }: Configuration): string {
  const { database } = options
  return typeof database === "string" && database !== ":memory:"
    ? resolve(folder, database)
    : String(database)
}
