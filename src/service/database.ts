import { resolve } from "node:path"
import { readDatabase } from "../checklist/database/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import type { DatabasePlace } from "../store/store.ts"
import { type Configuration, renameFaults } from "./configuration.ts"

/**
 * Where the database of a configuration is; a file by its absolute path.
 * @throws MisuseError when it is neither a file nor a URL this program takes
 */
export function databaseOf({ folder, options, sources }: Configuration): DatabasePlace {
  const faults = new Faults()
  const place = readDatabase({ database: options.database, direct: options.databaseDirect }, faults)
  if (place === undefined || faults.list.length > 0) throw new MisuseError(renameFaults(faults.list, sources))
  return place.kind === "sqlite" && place.path !== ":memory:"
    ? { kind: "sqlite", path: resolve(folder, place.path) }
    : place
}
