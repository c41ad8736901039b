export type Incident =
  | "drop"
  | "duplicate"
  | "crash"
  | "steal"
  | "forge"
  | "inject"
  | "expire"
  | "login"
  | "logout"
  | "password"
  | "disable"
  | "back"

/** The part of all behaviours that one exploration covers, without a gap inside its bounds. */
export interface World {
  readonly name: string
  readonly tabs: number
  /** Each leg takes at most D, and a lost answer is asked for again inside the grace: then I7 must hold. */
  readonly timely: boolean
  readonly incidents: readonly Incident[]
  readonly budget: number
  /** The highest generation. */
  readonly top: number
  /** Whether two requests may share a transaction. */
  readonly batches: boolean
}

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"

/** Each is explored to the end; under NIGHTLATCH_TEST_SCALE=long with more incidents, generations or tabs. */
export const WORLDS: readonly World[] = [
  {
    name: "tabs on a timely network",
    tabs: LONG ? 3 : 2,
    timely: true,
    incidents: [],
    budget: 0,
    top: LONG ? 5 : 4,
    batches: false,
  },
  {
    name: "lost answers and crashes, asked again in time",
    tabs: 2,
    timely: true,
    incidents: ["drop", "crash"],
    budget: LONG ? 3 : 2,
    top: LONG ? 5 : 4,
    batches: true,
  },
  {
    name: "a thief on a slow network",
    tabs: 2,
    timely: false,
    incidents: ["steal", "drop", "duplicate", "forge", "inject", "expire"],
    budget: LONG ? 3 : 2,
    top: 3,
    batches: false,
  },
  {
    name: "a thief while the person signs in and out",
    tabs: 2,
    timely: false,
    incidents: ["steal", "login", "logout", "password", "disable"],
    budget: 2,
    top: LONG ? 3 : 2,
    batches: true,
  },
  {
    name: "a store that crashes and goes back",
    tabs: 2,
    timely: false,
    incidents: LONG ? ["crash", "back", "steal", "drop"] : ["crash", "back"],
    budget: 2,
    top: 3,
    batches: true,
  },
]
