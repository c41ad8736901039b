import type { Facts, LineState } from "../../core/facts.ts"

export function state(facts: Facts): LineState {
  const { count, source, renewal } = facts.secret
  if (count < 1) {
    return { state: "fails", why: "There is no root secret.", fix: "Make one with: nightlatch secret" }
  }
  if (renewal?.fault !== undefined) {
    return {
      state: "fails",
      why: `The root secrets could not be renewed from ${source}: ${renewal.fault}. Those of ${age(renewal.ageMs)} ago stay in use.`,
      fix: "Mend the source: it is asked again each minute, and at once when the service gets SIGHUP.",
    }
  }
  const { live, secretSets } = facts.instances
  if (secretSets > 1) {
    return {
      state: "fails",
      why: `${live} live instances have ${secretSets} different sets of keys, which follow from root secrets and origin: what one of them signs another may not accept.`,
      fix: "Give all of them the same NIGHTLATCH_ORIGIN and the same secrets; while one is being appended this passes when the last has it.",
    }
  }
  const secrets = count === 1 ? "One root secret" : `${count} root secrets, the first of which signs,`
  const renewed = renewal === undefined ? "" : `, asked ${age(renewal.ageMs)} ago`
  return {
    state: "holds",
    why: `${secrets} from ${source}${renewed}: long enough, not published, not a pattern; each purpose has a key of its own.`,
  }
}

function age(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
