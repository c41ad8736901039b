/** The real service behind the bundle's nginx: its own process, for a public https name. */
import { mkdirSync } from "node:fs"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import { killAll, type Running, serve } from "../service/process.ts"
import { DOMAIN } from "./edge.ts"
import type { Scratch } from "./programs.ts"

export interface Behind {
  readonly folder: string
  readonly running: Running
  readonly operatorToken: string
  stop(): Promise<void>
}

export async function startBehind(
  scratch: Scratch,
  more: Readonly<Record<string, string>> = {},
): Promise<Behind> {
  const folder = scratch.at("service")
  mkdirSync(folder, { recursive: true })
  const operatorToken = generateSecret()
  const running = await serve(folder, [], {
    CI: "",
    NIGHTLATCH_ORIGIN: `https://${DOMAIN}`,
    NIGHTLATCH_TRUSTED_PROXIES: "127.0.0.1",
    NIGHTLATCH_SECRET: generateSecret(),
    NIGHTLATCH_OPERATOR_TOKEN: operatorToken,
    NIGHTLATCH_SMTP_URL: "smtp://127.0.0.1:1",
    NIGHTLATCH_MAIL_FROM: "no-reply@example.com",
    ...more,
  })
  return {
    folder,
    running,
    operatorToken,
    async stop() {
      await running.stop("SIGKILL")
      killAll()
    },
  }
}
