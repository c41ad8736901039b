// They travel in a token of bounded size and are compared as they stand.
const ROLE = /^[A-Za-z][A-Za-z0-9_.:-]{0,63}$/
const MOST_ROLES = 32

/** What is wrong with the roles of an account, as a sentence; undefined when nothing is. */
export function faultOfRoles(roles: readonly string[]): string | undefined {
  if (roles.length > MOST_ROLES) return `an account has at most ${MOST_ROLES} roles`
  if (new Set(roles).size < roles.length) return "a role is named twice"
  return roles.every((role) => ROLE.test(role))
    ? undefined
    : "a role is a letter and then up to 63 letters, digits or _ . : -"
}
