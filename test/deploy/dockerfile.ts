/** A Dockerfile as its stages and instructions, and what must hold of it. */

export interface Instruction {
  readonly word: string
  readonly rest: string
}

export interface Stage {
  readonly from: string
  readonly name: string
  readonly instructions: readonly Instruction[]
}

/** Comments gone, continued lines joined. */
export function readDockerfile(text: string): readonly Stage[] {
  const stages: { from: string; name: string; instructions: Instruction[] }[] = []
  const lines = text
    .split("\n")
    .filter((line) => !/^\s*#/.test(line))
    .join("\n")
    .replace(/\\\n\s*/g, " ")
    .split("\n")
  for (const line of lines) {
    const [, word = "", rest = ""] = /^\s*([A-Za-z]+)\s+(.+?)\s*$/.exec(line) ?? []
    if (word === "") continue
    if (word.toUpperCase() === "FROM") {
      const [, from = "", name = ""] = /^(?:--\S+\s+)*(\S+)(?:\s+[Aa][Ss]\s+(\S+))?$/.exec(rest) ?? []
      stages.push({ from, name, instructions: [] })
    } else stages.at(-1)?.instructions.push({ word: word.toUpperCase(), rest })
  }
  return stages
}

/** Of a stage and those it stands on. */
export function lineageOf(stage: Stage, stages: readonly Stage[]): readonly Instruction[] {
  const below = stages.find(({ name }) => name === stage.from)
  return [...(below === undefined ? [] : lineageOf(below, stages)), ...stage.instructions]
}

const SECRET = /PASS(?:WORD|WD|PHRASE)?\b|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL/i

/** @param final the stages that become images */
export function judgeDockerfile(text: string, final: readonly string[]): readonly string[] {
  const stages = readDockerfile(text)
  const faults: string[] = []
  for (const { from, name, instructions } of stages) {
    const own = stages.some((stage) => stage.name === from)
    if (!own && !/:v?\d+\.\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$/.test(from))
      faults.push(`${name}: ${from} is not pinned`)
    for (const { word, rest } of instructions) {
      if (word === "ADD") faults.push(`${name}: ADD fetches and unpacks; COPY does neither`)
      if ((word === "ARG" || word === "ENV") && SECRET.test(rest))
        faults.push(`${name}: ${word} ${rest} stays in the image`)
      if (word === "RUN" && /\b(?:curl|wget)\b[^|]*\|\s*(?:sh|bash|node|python3?)\b/.test(rest))
        faults.push(`${name}: runs what a server sends`)
      if (word === "RUN" && /\bnpm (?:install|i)\b/.test(rest))
        faults.push(`${name}: npm install moves versions`)
      if (word === "COPY" && /^(?:--chown=\S+\s+)*\.\/?\s/.test(rest))
        faults.push(`${name}: copies the whole folder`)
    }
  }
  for (const name of final) {
    const stage = stages.find((each) => each.name === name)
    const instructions = stage === undefined ? [] : lineageOf(stage, stages)
    const user = instructions.findLast(({ word }) => word === "USER")?.rest ?? "none"
    if (!/^[1-9]\d*(?::[1-9]\d*)?$/.test(user)) faults.push(`${name}: the user is ${user}`)
    if (!instructions.some(({ word }) => word === "HEALTHCHECK"))
      faults.push(`${name}: no HEALTHCHECK, not even NONE`)
  }
  return faults
}

/** Whether a path of the context is sent to the engine: the last pattern that fits decides. */
export function isSent(path: string, ignore: string): boolean {
  let sent = true
  for (const line of ignore.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#")) continue
    const back = line.startsWith("!")
    const pattern = (back ? line.slice(1) : line)
      .replace(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("**/", "(?:.*/)?")
      .replace(/(?<![.)])\*(?!\))/g, "[^/]*")
    if (new RegExp(`^${pattern}(?:/.*)?$`).test(path)) sent = back
  }
  return sent
}
