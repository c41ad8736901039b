/** What a client does with an answer that asks: solves it, and sends the solution as the header. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import type { Challenge } from "../../src/checklist/bot-check/index.ts"
import type { Answer } from "../flows/stage.ts"

export const HEADER = "x-nightlatch-bot-check"

/** So small that a test waits for nothing. */
export const SMALL = 10_000

export function challengeOf({ json }: Pick<Answer, "json">): Challenge {
  const { botCheck } = json as { botCheck?: Challenge }
  assert.ok(botCheck !== undefined, `no challenge in ${JSON.stringify(json)}`)
  return botCheck
}

/** The solution of a proof of work, written by hand and not by our own code. */
export function solutionOf(asked: Challenge): string {
  assert.ok(asked.provider === "altcha")
  const { algorithm, challenge, salt, signature, maxnumber } = asked.challenge
  for (let number = 0; number <= maxnumber; number++) {
    if (createHash("sha256").update(`${salt}${number}`).digest("hex") === challenge)
      return Buffer.from(JSON.stringify({ algorithm, challenge, number, salt, signature })).toString("base64")
  }
  return assert.fail("no number solves it")
}

export function solved(answer: Pick<Answer, "json">): { readonly [HEADER]: string } {
  return { [HEADER]: solutionOf(challengeOf(answer)) }
}
