import type { ArgsDef, CommandDef } from "citty"

/** A command whose arguments are typed inside and forgotten outside, so that commands of all kinds stand in one list. */
export function command<const Args extends ArgsDef>(definition: CommandDef<Args>): CommandDef {
  return definition as unknown as CommandDef
}
