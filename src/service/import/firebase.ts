import * as z from "zod"
import type { FirebaseParameters } from "../../checklist/password/index.ts"
import type { Faults } from "../../core/misuse.ts"

const Parameters = z.object({
  base64_signer_key: z.string().regex(/^[A-Za-z0-9+/]{22,171}={0,2}$/),
  base64_salt_separator: z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/),
  rounds: z.coerce.number().int().min(1).max(8),
  mem_cost: z.coerce.number().int().min(1).max(14),
})

/**
 * Reads the password hash parameters as Firebase's console shows them: `hash_config { … }` with a line for each. They come
 * from a file, since the signer key is a secret and other users see arguments.
 * @returns undefined when there were faults
 */
export function readFirebaseParameters(
  text: string,
  path: string,
  faults: Faults,
): FirebaseParameters | undefined {
  const lines = text.matchAll(/^[\s{]*"?(\w+)"?\s*:\s*"?([^\s",]*)"?\s*,?\s*$/gm)
  const found = Parameters.safeParse(Object.fromEntries([...lines].map(([, name, value]) => [name, value])))
  if (found.success) {
    return {
      signerKey: found.data.base64_signer_key,
      saltSeparator: found.data.base64_salt_separator,
      rounds: found.data.rounds,
      memoryCost: found.data.mem_cost,
    }
  }
  for (const issue of found.error.issues)
    faults.add(
      "import.firebase",
      path,
      `${issue.path.join(".")} is missing or not as Firebase writes it`,
      "Copy the whole of hash_config from the console: Authentication, Users, the menu, Password hash parameters.",
    )
  return undefined
}
