/**
 * `npm run bench`: ratios measured side by side in one run. Servers on one processor, load on another, rounds interleaved,
 * medians. `npm run bench -- me rotation` measures a part; `--rounds 9` more rounds.
 */
import { rmSync } from "node:fs"
import { availableParallelism, cpus } from "node:os"
import { benchMemory, benchStart } from "./footprint.ts"
import { benchEnumeration, benchFlood, benchSignIn } from "./hashing.ts"
import { ASKED, folder, ROUNDS, type Row } from "./report.ts"
import { benchFrameworks, benchMe, benchRotation, benchRotationPostgres } from "./requests.ts"
import { benchMillion, benchPostgres, benchRedis } from "./stores.ts"

const BENCHES: Readonly<Record<string, () => Promise<readonly Row[]>>> = {
  me: benchMe,
  frameworks: benchFrameworks,
  rotation: benchRotation,
  postgres: benchPostgres,
  "rotation-postgres": benchRotationPostgres,
  million: benchMillion,
  "sign-in": benchSignIn,
  flood: benchFlood,
  enumeration: benchEnumeration,
  memory: benchMemory,
  start: benchStart,
  redis: benchRedis,
}

const names = ASKED.length > 0 ? ASKED : Object.keys(BENCHES)
const unknown = names.filter((name) => BENCHES[name] === undefined)
if (unknown.length > 0 || !(ROUNDS >= 1)) {
  console.error(`Known: ${Object.keys(BENCHES).join(", ")}; --rounds N`)
  process.exit(2)
}
console.log(
  `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} processors, Node ${process.version}, ${ROUNDS} rounds\n`,
)
console.log("| what | median (range) | gate | |\n|---|---|---|---|")
let missed = 0
try {
  for (const name of names) {
    for (const { what, value, gate, holds } of (await BENCHES[name]?.()) ?? []) {
      if (holds === false) missed++
      console.log(
        `| ${what} | ${value} | ${gate} | ${holds === undefined ? "" : holds ? "holds" : "MISSED"} |`,
      )
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(missed > 0 ? 1 : 0)
