import type { CommandDef } from "citty"
import { checkSecret, newSecret } from "../service/secret-check.ts"
import { command } from "./command.ts"
import { print } from "./output.ts"

export const secret: CommandDef = command({
  meta: { name: "secret", description: "Print a new root secret, or judge the configured one" },
  args: { check: { type: "boolean", description: "Judge the configured secret and print nothing of it" } },
  async run({ args }) {
    if (args.check !== true) {
      print(newSecret())
      return
    }
    const { count, source } = await checkSecret({ folder: process.cwd(), environment: process.env })
    print(
      `${count === 1 ? "The secret" : `All ${count} secrets`} from ${source} ${count === 1 ? "is" : "are"} strong.`,
    )
  },
})
