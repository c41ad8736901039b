/**
 * Attack: input that becomes part of a statement. Promise: every statement is a text that stands word for word in a source
 * file; values travel as parameters. The tag refuses substitutions, the executor refuses what the tag did not make, and
 * `rule.ts` reads the sources for texts that avoid both. Source: ASVS 1.2.4; CWE-89.
 */
import type { Facts, LineState } from "../../core/facts.ts"

/** Does the line of the checklist hold here and now? */
export function state(facts: Facts): LineState {
  const { statements } = facts.sql
  return {
    state: "holds",
    why: `${statements} statements in use, each a fixed text with parameters; the executor runs no other.`,
  }
}
