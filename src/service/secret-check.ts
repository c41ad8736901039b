import { generateSecret, readSecrets } from "../checklist/secret/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { type ConfigurationInput, gather } from "./configuration.ts"

export const newSecret: () => string = generateSecret

/**
 * Judges the configured root secrets and nothing else of the configuration.
 * @throws MisuseError with what is wrong with them
 */
export async function checkSecret(input: ConfigurationInput): Promise<{ count: number; source: string }> {
  const read = new Faults()
  const { values, sources } = await gather(input, read)
  const faults = new Faults()
  for (const { code, path, problem, fix } of read.list) {
    if (path.startsWith("NIGHTLATCH_SECRET") || code.startsWith("secret."))
      faults.add(code, path, problem, fix)
  }
  const source = sources.get("secret") ?? "the configuration file"
  if (faults.list.length === 0) readSecrets(values.secret, new URL("http://localhost"), faults)
  if (faults.list.length > 0) throw new MisuseError(faults.list)
  return { count: [values.secret].flat().length, source }
}
