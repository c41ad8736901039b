/**
 * Which step of a rotation is safe now, by what the running instances have: append, move to the front, remove. Each waits for
 * something else: that everybody can verify what the new secret signs, that verifiers elsewhere have read the new public
 * key, and that nothing lives any more which the old one signed.
 */
import { MOST_SECRETS } from "./options.ts"

/** What the JWKS says about its age; a verifier may be so far behind. */
const JWKS_MS = 600_000
/** Each process says what it has once a minute; another one for what is on its way. */
const TELLING_MS = 120_000

export interface RotationView {
  readonly now: number
  /** The longest life of a session. */
  readonly sessionMs: number
  /** As they are configured, in their order. */
  readonly secrets: readonly {
    readonly id: string
    /** When the database met it; undefined when it has not. */
    readonly knownAt: number | undefined
    /** When a process last had it in the first place. */
    readonly signedAt: number | undefined
  }[]
  /** Of each running instance, in its order. */
  readonly instances: readonly (readonly { readonly id: string; readonly since: number }[])[]
}

interface Step {
  readonly safe: boolean
  /** A sentence. */
  readonly why: string
}

export interface Rotation {
  readonly append: Step
  readonly move: Step
  readonly remove: Step
  /** What to do now, in a sentence. */
  readonly next: string
}

export function judgeRotation(view: RotationView): Rotation {
  const apart = judgeAgreement(view)
  if (apart !== undefined) {
    const [why, next] = apart
    const wait = { safe: false, why }
    return { append: wait, move: wait, remove: wait, next }
  }
  const many = view.secrets.length
  const move = judgeMove(view)
  const remove = judgeRemove(view)
  if (many === 1) {
    const append = { safe: true, why: "There is one secret, and all instances have it." }
    return { append, move, remove, next: "To rotate, append a new one (nightlatch secret) after it." }
  }
  const append =
    many < MOST_SECRETS
      ? { safe: true, why: "It harms nobody; first finish this rotation." }
      : { safe: false, why: `There are ${MOST_SECRETS}, and there may be no more.` }
  return { append, move, remove, next: nextOf(view, move, remove) }
}

function nextOf({ secrets }: RotationView, move: Step, remove: Step): string {
  const waiting = secrets.findIndex(({ signedAt }, place) => place > 0 && signedAt === undefined)
  if (remove.safe) return `Remove the ${ordinal(secrets.length - 1)}.`
  if (waiting < 0) return `Wait. ${remove.why}`
  if (!move.safe) return `Wait. ${move.why}`
  const then = `move the ${ordinal(waiting)} to the front.`
  return isNew(secrets, waiting)
    ? `M${then.slice(1)}`
    : `If the ${ordinal(waiting)} is the new one, ${then} If it is the old one, wait. ${remove.why}`
}

/** A database that met both at once, new or restored, cannot tell which one is older. */
function isNew(secrets: RotationView["secrets"], place: number): boolean {
  const [first, second] = [secrets[0]?.knownAt, secrets[place]?.knownAt]
  return first !== undefined && (second === undefined || second > first)
}

/** @returns why nothing is safe, and what helps; undefined when all have what is configured here, in this order */
function judgeAgreement({
  secrets,
  instances,
}: RotationView): readonly [why: string, next: string] | undefined {
  const live = instances.length
  if (live === 0)
    return [
      "No running instance is known.",
      "Start the service, or name its database and origin: a running one tells within a minute what it has.",
    ]
  if (!instances.some((own) => own.some(({ id }) => secrets.some((each) => each.id === id))))
    return [
      `${live === 1 ? "The instance has" : `All ${live} instances have`} other secrets or another origin than what is configured here.`,
      "Compare the origin (--origin), which ids follow from, and where this command takes the secrets from.",
    ]
  for (const [place, { id }] of secrets.entries()) {
    const having = instances.filter((own) => own.some((each) => each.id === id)).length
    if (having < live)
      return [
        `${having} of ${count(live)} ${having === 1 ? "has" : "have"} the ${ordinal(place)}.`,
        "Wait until all have it: they ask each minute, and at once on SIGHUP; where it stands in NIGHTLATCH_SECRET, restart them. One with another origin never has it.",
      ]
  }
  const more = instances.filter((own) => own.some(({ id }) => !secrets.some((each) => each.id === id))).length
  if (more > 0)
    return [
      `${more} of ${count(live)} ${more === 1 ? "has" : "have"} a secret that is not configured here.`,
      "Wait a minute if it was just removed; else let this command read the secrets from where the instances do.",
    ]
  const following = instances.filter((own) => own[0]?.id === secrets[0]?.id).length
  if (following < live)
    return [
      `${following} of ${count(live)} ${following === 1 ? "signs" : "sign"} with the first.`,
      "Wait until all do: they ask each minute, and at once on SIGHUP.",
    ]
  return undefined
}

function judgeMove({ now, secrets, instances }: RotationView): Step {
  const place = secrets.findIndex(({ signedAt }, at) => at > 0 && signedAt === undefined)
  if (secrets.length === 1) return { safe: false, why: "There is no second one." }
  if (place < 0) return { safe: false, why: "Every other one has signed already and is on its way out." }
  const id = secrets[place]?.id
  const since = Math.max(...instances.map((own) => own.find((each) => each.id === id)?.since ?? now))
  const left = since + JWKS_MS - now
  const all = instances.length === 1 ? "The instance has" : `All ${instances.length} instances have`
  const had = `${all} had the ${ordinal(place)} for ${span(now - since)} (${JWKS_MS / 60_000} min are needed)`
  return left <= 0
    ? { safe: true, why: `${had}.` }
    : { safe: false, why: `${had}: you may move it to the front in ${span(left)}.` }
}

function judgeRemove({ now, secrets, sessionMs }: RotationView): Step {
  const place = secrets.length - 1
  const { signedAt, knownAt = now } = secrets[place] ?? {}
  if (place === 0) return { safe: false, why: "It is the only one." }
  if (signedAt === undefined && isNew(secrets, place))
    return { safe: false, why: `The ${ordinal(place)} has not signed yet: it is the one to move.` }
  if (signedAt === undefined) return judgeUnknown(place, knownAt + sessionMs + TELLING_MS - now)
  const left = signedAt + sessionMs + TELLING_MS - now
  const life = `no session lives longer than ${span(sessionMs)}`
  return left <= 0
    ? { safe: true, why: `The ${ordinal(place)} last signed ${span(now - signedAt)} ago, and ${life}.` }
    : {
        safe: false,
        why: `The ${ordinal(place)} last signed ${span(now - signedAt)} ago: you may remove it in ${span(left)}.`,
      }
}

/** It may have signed until the database met it. */
function judgeUnknown(place: number, left: number): Step {
  return left <= 0
    ? { safe: true, why: `The ${ordinal(place)} has not signed for longer than any session lives.` }
    : {
        safe: false,
        why: `Whether the ${ordinal(place)} signed before this database knew it is not known: you may remove it in ${span(left)}.`,
      }
}

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"]

function ordinal(place: number): string {
  return ORDINALS[place] ?? `number ${place + 1}`
}

function count(instances: number): string {
  return instances === 1 ? "1 instance" : `${instances} instances`
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** In the two largest units that matter: `29 d 3 h`, `5 h 10 min`, `12 min`, `40 s`. */
export function span(milliseconds: number): string {
  const ms = Math.max(0, milliseconds)
  const [days, hours, minutes] = [
    Math.floor(ms / DAY_MS),
    Math.floor(ms / HOUR_MS),
    Math.floor(ms / MINUTE_MS),
  ]
  const parts =
    days > 0
      ? [`${days} d`, ...(hours % 24 > 0 ? [`${hours % 24} h`] : [])]
      : hours > 0
        ? [`${hours} h`, ...(minutes % 60 > 0 ? [`${minutes % 60} min`] : [])]
        : minutes > 0
          ? [`${minutes} min`]
          : [`${Math.round(ms / 1000)} s`]
  return parts.join(" ")
}
