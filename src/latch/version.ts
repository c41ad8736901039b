import { readFileSync } from "node:fs"

/** From the package file, which is two folders up from `src/latch` and from `dist/latch` alike. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version
