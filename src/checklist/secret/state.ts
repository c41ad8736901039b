import type { Facts, LineState } from "../../core/facts.ts"

export function state(facts: Facts): LineState {
  const { count, source } = facts.secret
  if (count < 1) {
    return { state: "fails", why: "There is no root secret.", fix: "Make one with: nightlatch secret" }
  }
  const { live, secretSets } = facts.instances
  if (secretSets > 1) {
    return {
      state: "fails",
      why: `${live} live instances have ${secretSets} different sets of root secrets: what one of them signs another may not accept.`,
      fix: "Give all of them the same secrets; while one is being appended this passes when the last has it.",
    }
  }
  const secrets = count === 1 ? "One root secret" : `${count} root secrets, the first of which signs,`
  return {
    state: "holds",
    why: `${secrets} from ${source}: long enough, not published, not a pattern; each purpose has a key of its own.`,
  }
}
