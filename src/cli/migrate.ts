import type { CommandDef } from "citty"
import { placeOf } from "../checklist/database/index.ts"
import { openDatabase } from "../service/administration.ts"
import { databaseOf } from "../service/database.ts"
import { command } from "./command.ts"
import { print } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

export const migrate: CommandDef = command({
  meta: { name: "migrate", description: "Bring the database to this version (serve does it by itself)" },
  args: { ...DATABASE_OPTION },
  async run({ args }) {
    const configuration = await configure({ database: args.database })
    const store = await openDatabase(configuration, { make: true })
    await store.ping()
    await store.close()
    print(`${placeOf(databaseOf(configuration))} has this version's schema.`)
  },
})
