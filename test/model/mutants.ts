import { CORRECT, GRACE, NO_TOKEN, type Protocol, type RefreshAnswer } from "./protocol.ts"
import { type Decision, decide, type Presentation, type Row, type Verdict } from "./reference.ts"

/** A planted mistake, and the sentence of the protocol that the exploration must find broken. */
export interface Mutant {
  readonly mistake: string
  /** Which sentence the shortest trace breaks first; several may break. */
  readonly breaks: string
  readonly protocol: Protocol
}

type Decide = Protocol["decide"]

function mutant(mistake: string, breaks: string, change: Partial<Protocol>): Mutant {
  return { mistake, breaks, protocol: { ...CORRECT, ...change } }
}

/** The right decision, and another one where `when` says so. */
function instead(
  when: (right: Decision, row: Row, presented: Presentation) => boolean,
  then: (right: Decision, row: Row, presented: Presentation) => Decision,
): Decide {
  return (row, presented, now) => {
    const right = CORRECT.decide(row, presented, now)
    return row !== undefined && when(right, row, presented) ? then(right, row, presented) : right
  }
}

function is(...verdicts: readonly Verdict[]): (right: Decision) => boolean {
  return (right) => verdicts.includes(right.verdict)
}

/** The right decision over a row that was read wrongly. */
function misread(read: (row: Row, presented: Presentation) => Row): Decide {
  return (row, presented, now) => {
    if (row === undefined) return CORRECT.decide(row, presented, now)
    const wrong = read(row, presented)
    const decision = CORRECT.decide(wrong, presented, now)
    return decision.row === wrong ? { ...decision, row } : decision
  }
}

function answering(
  change: (right: RefreshAnswer, decision: Decision, presented: Presentation) => RefreshAnswer,
) {
  return (decision: Decision, presented: Presentation) =>
    change(CORRECT.answer(decision, presented), decision, presented)
}

const revokedNow = (row: Row): Row => ({ ...row, revokedAt: 0 })

export const MUTANTS: readonly Mutant[] = [
  // ---- windows
  mutant("the grace is shorter than two legs of the network", "I5", { graceMs: GRACE - 1 }),
  mutant("the grace is longer than promised", "I1", { graceMs: GRACE + 1 }),
  mutant("a rotation may follow after three legs", "I7", { minRotateMs: 3 }),
  mutant("a rotation may follow inside the grace", "I7", { minRotateMs: GRACE }),
  mutant("a token is rotated again at once", "I7", { minRotateMs: 0 }),
  mutant("rotation waits longer than promised", "3", { minRotateMs: 5 }),
  mutant("the grace slides: a retry counts as a rotation", "I12", {
    decide: instead(is("retry"), (right, row) => ({ ...right, row: { ...row, rotatedAt: 0 } })),
  }),
  mutant("the grace slides with coalesced answers", "I12", {
    decide: instead(is("coalesced"), (right, row) => ({ ...right, row: { ...row, rotatedAt: 0 } })),
  }),
  mutant("rotated_at is set in generation 1", "3", { begin: (row) => ({ ...row, rotatedAt: 0 }) }),
  mutant("a restart does not move the grace", "I5", { restartMovesGrace: false }),
  mutant("a restart moves the grace of a rotation of any age", "I1", {
    decide: (row, presented, now) => decide(row, presented, now, Number.POSITIVE_INFINITY),
  }),
  mutant("a restart moves the grace but not the next rotation", "I7", {
    decide: instead(is("coalesced"), (right, row, presented) =>
      row.rotatedAt !== null && -row.rotatedAt >= presented.minRotateMs
        ? CORRECT.decide({ ...row, rotatedAt: null }, presented, 0)
        : right,
    ),
  }),

  // ---- which token
  mutant("a late parent passes", "I1", {
    decide: instead(is("late-parent"), (_, row) => ({ verdict: "retry", row })),
  }),
  mutant("a late parent is refused but ends nothing", "I6", {
    decide: instead(is("late-parent"), (_, row) => ({ verdict: "ended", row })),
  }),
  mutant("reuse of an older generation is ignored", "I6", {
    decide: instead(is("reuse"), (_, row) => ({ verdict: "ended", row })),
  }),
  mutant("every earlier generation is taken for a late parent", "5", {
    decide: instead(is("reuse"), (right) => ({ ...right, verdict: "late-parent" })),
  }),
  mutant("a parent inside the grace is reuse", "I5", {
    decide: instead(is("retry"), (_, row) => ({ verdict: "reuse", row: revokedNow(row) })),
  }),
  mutant("the hash is not compared for the current generation", "I1", {
    decide: misread((row, presented) =>
      presented.generation === row.generation ? { ...row, currentHash: presented.hash } : row,
    ),
  }),
  mutant("the hash is not compared for the parent", "I1", {
    decide: misread((row, presented) =>
      presented.generation === row.generation - 1 ? { ...row, previousHash: presented.hash } : row,
    ),
  }),
  mutant("a wrong hash is told as reuse", "7", {
    decide: instead(is("rollback"), (right) => ({ ...right, verdict: "reuse" })),
  }),
  mutant("a token ahead of the row is accepted", "I1", {
    decide: instead(
      (right, row, presented) => right.verdict === "rollback" && presented.generation > row.generation,
      (_, row, presented) =>
        CORRECT.decide(
          { ...row, generation: presented.generation, currentHash: presented.hash },
          presented,
          0,
        ),
    ),
  }),
  mutant("a store that went back ends nothing", "7", {
    decide: instead(is("rollback"), (_, row) => ({ verdict: "ended", row })),
  }),

  // ---- ends
  mutant("a revoked session may rotate", "I1", { decide: misread((row) => ({ ...row, revokedAt: null })) }),
  mutant("the idle end is not looked at", "I1", { decide: misread((row) => ({ ...row, idleEnd: 1 })) }),
  mutant("the absolute end is not looked at", "I1", {
    decide: misread((row) => ({ ...row, absoluteEnd: row.absoluteEnd > 0 ? row.absoluteEnd : 1 })),
  }),
  mutant("a rotation moves the absolute end", "I3", {
    decide: instead(is("rotated"), (right) =>
      right.row === undefined
        ? right
        : { ...right, row: { ...right.row, absoluteEnd: right.row.absoluteEnd + 1 } },
    ),
  }),
  mutant("a refused token of an ended session writes again", "I12", {
    decide: instead(is("ended"), (right, row) => ({
      ...right,
      row: { ...row, revokedAt: (row.revokedAt ?? 0) + 1 },
    })),
  }),
  mutant("logout clears the cookies and leaves the row", "I3", { logoutRevokes: false }),
  mutant("signing in leaves the old session", "I3", { signInReplaces: false }),
  mutant("a password change ends no other session", "I3", { passwordEndsAll: false }),
  mutant("disabling an account ends no session", "I1", { disablingEnds: false }),
  mutant("an ending verdict hits the person's other devices", "I9", { ends: "all" }),
  mutant("a revocation is kept in memory only", "I3", { revocationIsDurable: false }),

  // ---- writes and answers
  mutant("no compare-and-swap", "I2", { compareAndSwap: false }),
  mutant("the answer leaves before the commit", "I4", { waitsForCommit: "none" }),
  mutant("answers that wrote nothing do not wait for the commit they read", "I4", {
    waitsForCommit: "writes",
  }),
  mutant("a coalesced answer sets a cookie", "I7", {
    answer: answering((right, decision) =>
      decision.verdict === "coalesced" ? { ...right, set: Number(decision.row?.currentHash) } : right,
    ),
  }),
  mutant("a retry derives a fresh successor", "4", {
    answer: answering((right, decision, presented) =>
      decision.verdict === "retry" ? { ...right, set: Number(presented.nextHash) } : right,
    ),
  }),
  mutant("a retry gets no refresh token", "4", {
    answer: answering((right, decision) =>
      decision.verdict === "retry" ? { ...right, set: NO_TOKEN } : right,
    ),
  }),
  mutant("a refused refresh clears the cookies", "cookie", {
    answer: answering((right) => ({ ...right, clear: !right.ok })),
  }),
  mutant("a token with a wrong mac is looked up", "I8", { macIsChecked: false }),
  mutant("a cookie's token is taken from a body", "transport", { transportIsChecked: false }),
]
