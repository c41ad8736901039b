import type { CommandDef } from "citty"
import { placeOf } from "../checklist/database/index.ts"
import { openDatabase } from "../service/administration.ts"
import { databaseOf } from "../service/database.ts"
import { planStore } from "../store/open.ts"
import { ROLES } from "../store/postgres/roles.ts"
import { command } from "./command.ts"
import { CommandError, MISUSE_EXIT, print } from "./output.ts"
import { configure, DATABASE_OPTION } from "./settings.ts"

export const migrate: CommandDef = command({
  meta: { name: "migrate", description: "Bring the database to this version (serve does it by itself)" },
  args: {
    plan: { type: "boolean", description: "Print what would be done, and do nothing" },
    roles: {
      type: "boolean",
      description: "Print the SQL that makes two PostgreSQL roles: one that migrates, one for the service",
    },
    ...DATABASE_OPTION,
  },
  async run({ args }) {
    if (args.plan === true && args.roles === true)
      throw new CommandError("--plan and --roles contradict each other.", MISUSE_EXIT)
    if (args.roles === true) {
      print(`${ROLES_NOTE}${ROLES.text.trimEnd()}`)
      return
    }
    const configuration = await configure({ database: args.database })
    const place = databaseOf(configuration)
    if (args.plan === true) {
      await plan(place)
      return
    }
    const store = await openDatabase(configuration, { make: true })
    await store.ping()
    await store.close()
    print(`${placeOf(place)} has this version's schema.`)
  },
})

const ROLES_NOTE = `-- For an administrator, once in the database of Nightlatch, before the first migration. Then:
--   psql: \\password nightlatch_owner, \\password nightlatch_service
--   NIGHTLATCH_DATABASE=postgres://nightlatch_owner:…@… nightlatch migrate
--   NIGHTLATCH_DATABASE=postgres://nightlatch_service:…@… nightlatch serve`

async function plan(place: ReturnType<typeof databaseOf>): Promise<void> {
  const { version, steps } = await planStore(place)
  if (steps.length === 0) {
    print(`-- ${placeOf(place)} has this version's schema (${version}): nothing to do.`)
    return
  }
  const empty = version === 0
  print(`-- ${placeOf(place)} has ${empty ? "no schema yet" : `schema ${version}`}.`)
  for (const step of steps) {
    const beside = empty ? undefined : step.compatibleFrom
    const note =
      beside === undefined
        ? ""
        : beside < step.version
          ? `; programs from schema ${beside} on may run beside it`
          : "; no older program may run beside it"
    print(`-- To ${step.version}${note}:\n${step.sql.replace(/^\n/, "").trimEnd()}`)
  }
}
