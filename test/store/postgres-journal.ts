/** What people wrote down of their lives, and whether the database agrees with it: see postgres-child.ts. */
import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Account, RefreshResult, Store, StoredSession } from "../../src/store/store.ts"

const HOUR = 3_600_000
const ISSUER = "https://id.example.com"

/** One attempt at one verb. Neither `told` nor `lost`: the process ended before there was an answer. */
interface Step {
  readonly step: number
  readonly verb: string
  readonly email: string
  readonly sessionId?: string
  readonly hash?: string
  readonly nextHash?: string
  readonly generation?: number
  readonly replaces?: string
  readonly token?: string
  readonly accountId?: string
  readonly flowId?: string
  readonly subject?: string
  told?: {
    readonly kind?: string
    readonly verdict?: string
    readonly currentHash?: string
    readonly revoked?: boolean
  }
  lost?: boolean
}

/** @param no it was refused */
type Settle = (step: Step, kept: boolean, evidence: readonly boolean[], yes: boolean, no?: boolean) => void

/** Verbs that begin a session. */
const STARTS: ReadonlySet<string> = new Set(["register", "sign-in", "mail-link", "identity"])

/** How the attempts without an answer ended: both have to occur, or the test looks in the wrong place. */
export interface Tally {
  kept: number
  gone: number
  sessions: number
}

/** The attempts of each person in order. A line that was cut off by the end of the process was not written. */
export function readJournal(path: string): Map<string, Step[]> {
  const steps = new Map<number, Step>()
  for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
    const entry = JSON.parse(line) as Step
    const known = steps.get(entry.step)
    if (known === undefined) steps.set(entry.step, entry)
    else Object.assign(known, entry)
  }
  return Map.groupBy(steps.values(), ({ email }) => email) as Map<string, Step[]>
}

export async function verify(store: Store, steps: readonly Step[], tally: Tally): Promise<void> {
  const email = steps[0]?.email ?? ""
  const account = await store.findAccountByEmail(email)
  const events = account === undefined ? [] : await store.listEvents({ accountId: account.id, limit: 1_000 })
  const told = (type: string, sessionId?: string) =>
    events.filter((event) => event.type === type && event.sessionId === sessionId).length

  /** All the evidence says the same, and what was answered is so. */
  const settle: Settle = (step, kept, evidence, yes, no = false) => {
    const where = `${step.verb} ${step.step}: ${JSON.stringify(step.told ?? "no answer")}`
    for (const each of evidence) assert.equal(each, kept, `half of it is there: ${where}, ${evidence}`)
    if (yes) assert.ok(kept, `answered and lost: ${where}`)
    if (no) assert.ok(!kept, `refused and kept: ${where}`)
  }
  const count = (step: Step, kept: boolean) => {
    if (step.told === undefined) tally[kept ? "kept" : "gone"]++
  }

  // Every way to a session: its row, and the event that was written with it.
  const sessions = new Map<string, { readonly step: Step; readonly stored: StoredSession }>()
  for (const step of steps.filter(({ verb }) => STARTS.has(verb))) {
    const { sessionId = "", told: answer } = step
    const stored = await store.findSession(sessionId)
    const evidence = [told("session.started", sessionId) === 1]
    if (step.verb === "register") evidence.push(account?.id === step.accountId)
    settle(step, stored !== undefined, evidence, answer?.kind === "started", answer?.kind === "refused")
    count(step, stored !== undefined)
    if (stored === undefined) continue
    sessions.set(sessionId, { step, stored })
    assert.equal(stored.accountId, account?.id)
  }
  await verifyRegistration({ store, steps, account, created: told("account.created") })

  const reset = steps.filter(({ verb }) => verb === "reset")
  const wasReset = told("password.reset") === 1
  for (const step of reset) {
    const token = { hash: Buffer.from(step.token ?? "", "hex"), purpose: "reset" } as const
    const gone = (await store.findToken(token)) === undefined
    // Of several attempts one did it.
    const answer = step.told?.kind
    settle(
      step,
      wasReset,
      [account?.passwordHash === "second", gone],
      answer === "reset" || answer === "refused",
    )
  }
  for (const step of steps.filter(({ verb }) => verb === "link")) {
    const found = await store.findIdentity({ issuer: ISSUER, subject: step.subject ?? "" })
    const linked = found?.accountId === account?.id && found !== undefined
    settle(step, linked, [told("identity.linked") === 1], step.told?.kind === "linked")
  }

  const ended = new Set<string>()
  for (const step of steps.filter(({ verb }) => verb === "sign-out")) {
    const { sessionId = "" } = step
    const stored = await store.findSession(sessionId)
    const out = stored?.reason === "logout"
    settle(step, out, [told("session.signed_out", sessionId) === 1], step.told !== undefined)
    if (out) ended.add(sessionId)
  }
  for (const { step } of sessions.values()) {
    if (step.replaces === undefined) continue
    ended.add(step.replaces)
    assert.equal(told("session.replaced", step.replaces), 1)
  }
  const resetAt = reset[0]?.step ?? Number.POSITIVE_INFINITY
  for (const [sessionId, { step, stored }] of sessions) {
    tally.sessions++
    const over = ended.has(sessionId) || (wasReset && step.step < resetAt)
    assert.equal(stored.revokedAt !== null, over, `${step.verb} ${step.step}: ${stored.reason}`)
    const refreshes = steps.filter((each) => each.verb === "refresh" && each.sessionId === sessionId)
    await verifyLine(store, { step, stored, refreshes, over }, settle, count)
  }
}

/** The account and its token: both or neither, and a token that made one makes no second one. */
async function verifyRegistration(input: {
  readonly store: Store
  readonly steps: readonly Step[]
  readonly account: Account | undefined
  readonly created: number
}): Promise<void> {
  const { store, account, created } = input
  assert.equal(created, account === undefined ? 0 : 1)
  const registrations = input.steps.filter(({ verb }) => verb === "register")
  const last = registrations.at(-1)
  if (last === undefined) return assert.equal(account, undefined)
  const token = { hash: Buffer.from(last.token ?? "", "hex"), purpose: "register" } as const
  assert.equal((await store.findToken(token)) === undefined, account !== undefined)
  const again = await store.completeRegistration({
    token,
    newAccountId: freshId(),
    passwordHash: "third",
    session: {
      id: freshId(),
      hash: randomBytes(32),
      salt: randomBytes(32),
      idleMs: HOUR,
      absoluteMs: HOUR,
      transport: "cookie",
      persistent: true,
      methods: [],
      client: "",
      addressPrefix: "",
    },
    events: () => [],
  })
  assert.equal(again.kind, account === undefined ? "started" : "refused")
}

/** One line of tokens: each generation was made once, and whoever holds the newest or its parent goes on. */
async function verifyLine(
  store: Store,
  line: {
    readonly step: Step
    readonly stored: StoredSession
    readonly refreshes: readonly Step[]
    readonly over: boolean
  },
  settle: Settle,
  count: (step: Step, kept: boolean) => void,
): Promise<void> {
  const { stored, over } = line
  let hash = line.step.hash ?? ""
  let parent: string | undefined
  for (let generation = 1; generation < stored.generation; generation++) {
    const attempts = line.refreshes.filter((each) => each.generation === generation)
    assert.ok(attempts.length > 0, `nobody asked for generation ${generation + 1}`)
    const answers = new Set(attempts.flatMap(({ told }) => told?.currentHash ?? []))
    assert.ok(answers.size <= 1, `generation ${generation + 1} was handed out ${answers.size} times`)
    const asked = attempts.map(({ nextHash }) => nextHash)
    let next = [...answers][0]
    if (next === undefined && !over) {
      const retried = await present(store, stored.id, generation, hash)
      assert.equal(retried.verdict, "retry")
      next = "currentHash" in retried ? Buffer.from(retried.currentHash).toString("hex") : undefined
    }
    // Of an ended session nobody can ask any more what its last generation was.
    if (next === undefined) return
    assert.ok(asked.includes(next), "a generation that nobody asked for")
    for (const step of attempts) count(step, step.nextHash === next)
    parent = hash
    hash = next
  }
  for (const step of line.refreshes.filter((each) => each.generation === stored.generation)) {
    settle(step, false, [], step.told !== undefined)
    count(step, false)
  }
  const { id, generation } = stored
  if (over) {
    assert.equal((await present(store, id, generation, hash)).verdict, "ended", "it lives again")
    return
  }
  for (let time = 0; time < 2 && parent !== undefined; time++) {
    const retried = await present(store, id, generation - 1, parent)
    assert.equal(retried.verdict, "retry")
    assert.equal("currentHash" in retried && Buffer.from(retried.currentHash).toString("hex"), hash, "a fork")
  }
  assert.equal((await present(store, id, generation, hash)).verdict, "rotated")
  assert.equal((await store.findSession(id))?.generation, generation + 1)
}

const freshId = (): string => randomBytes(16).toString("base64url")

function present(store: Store, sessionId: string, generation: number, hash: string): Promise<RefreshResult> {
  return store.presentRefresh({
    sessionId,
    generation,
    hash: Buffer.from(hash, "hex"),
    nextHash: randomBytes(32),
    nextSalt: randomBytes(32),
    transport: "cookie",
    graceMs: HOUR,
    minRotateMs: 0,
    idleMs: HOUR,
    readyAt: 0,
    events: { reuse: [], "late-parent": [], rollback: [] },
    mail: ({ id, email }) => ({
      purpose: "signed-out-for-safety",
      email,
      accountId: id,
      decoy: false,
      language: "en",
    }),
  })
}
