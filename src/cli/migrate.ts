import type { CommandDef } from "citty"
import { openStore } from "../service/administration.ts"
import { databasePath } from "../service/database-path.ts"
import { command } from "./command.ts"
import { print } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

export const migrate: CommandDef = command({
  meta: { name: "migrate", description: "Bring the database to this version (serve does it by itself)" },
  args: { ...DATABASE_OPTION },
  async run({ args }) {
    const configuration = await configure({ database: args.database })
    const store = await openStore(configuration, { make: true })
    await store.ping()
    await store.close()
    print(`${databasePath(configuration)} has this version's schema.`)
  },
})
