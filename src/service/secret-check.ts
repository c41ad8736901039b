import { askSource, generateSecret, readSecrets } from "../checklist/secret/index.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import { type ConfigurationInput, gather, renameFaults } from "./configuration.ts"
import { readSecretPlace } from "./secrets/index.ts"

export const newSecret: () => string = generateSecret

/**
 * Judges the configured root secrets and nothing else of the configuration; those that are asked for are asked for.
 * @throws MisuseError with what is wrong with them; UnavailableError when they do not come
 */
export async function checkSecret(input: ConfigurationInput): Promise<{ count: number; source: string }> {
  const read = new Faults()
  const gathered = await gather(input, read)
  const place = readSecretPlace({ ...input, ...gathered, faults: read })
  const { values, sources } = gathered
  const source = place.source ?? "the configuration file"
  if (place.source !== undefined) sources.set("secret", source)
  const faults = new Faults()
  for (const { code, path, problem, fix } of renameFaults(read.list, sources)) {
    if (path.startsWith("NIGHTLATCH_SECRET") || /^(?:secret|vault)\./.test(code))
      faults.add(code, path, problem, fix)
  }
  faults.throwIfAny()
  const secrets = place.ask === undefined ? values.secret : await askSource(place.ask)
  readSecrets(secrets, new URL("http://localhost"), faults)
  if (faults.list.length > 0) throw new MisuseError(renameFaults(faults.list, sources))
  return { count: [secrets].flat().length, source }
}
