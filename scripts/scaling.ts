/**
 * `npm run scaling` computes the tables and the plot of docs/scaling.md from bench/figures.json and the assumptions below.
 * Nothing is measured here, so that everybody can put in the figures of a machine of their own.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** What was measured, by `npm run bench`; microseconds of one processor, bytes, MB. */
interface Figures {
  readonly meMicros: number
  readonly rotationMicros: number
  readonly rotationPostgresMicros: number
  readonly hashMicros: number
  readonly idleMb: number
  readonly cachedTokenBytes: number
  readonly revokedIdBytes: number
  readonly accountBytes: number
  readonly sessionBytes: number
  readonly eventBytes: number
}

/** How people are taken to behave. Each is a guess to be replaced. */
const ASSUMED = {
  activeShare: 0.2,
  sessionsEach: 2,
  requestsADay: 200,
  rotationsADay: 8,
  signInsAMonth: 2,
  eventsAMonth: 6,
  eventDays: 90,
  peak: 3,
  /** Access lifetime and 90 s: so long a revoked id is held. */
  heldSeconds: 15 * 60 + 90,
} as const

const USERS = [1e6, 1e8, 1e9] as const
const DAY = 86_400
const MONTH = 30 * DAY
const SIZE = [720, 320] as const

export interface Plan {
  readonly users: number
  readonly rotationsPerSecond: number
  readonly requestsPerSecond: number
  readonly signInsPerSecond: number
  readonly writesPerSecond: number
  readonly accountRows: number
  readonly sessionRows: number
  readonly eventRows: number
  readonly databaseGb: number
  readonly guardCores: number
  readonly serviceCores: number
  readonly hashCores: number
  readonly revokedIds: number
  readonly instanceMb: number
}

/** All rates at the peak. */
export function plan(users: number, figures: Figures): Plan {
  const a = ASSUMED
  const active = users * a.activeShare
  const rotationsPerSecond = (active * a.rotationsADay * a.peak) / DAY
  const requestsPerSecond = (active * a.requestsADay * a.peak) / DAY
  const signInsPerSecond = (users * a.signInsAMonth * a.peak) / MONTH
  const eventsPerSecond = (users * a.eventsAMonth * a.peak) / MONTH
  const sessionRows = users * a.sessionsEach
  const eventRows = (users * a.eventsAMonth * a.eventDays) / 30
  // Every sign-in ends in a sign-out, a replacement or an expiry; the first two are revocations.
  const revokedIds = Math.round(signInsPerSecond * a.heldSeconds)
  const bytes =
    users * figures.accountBytes + sessionRows * figures.sessionBytes + eventRows * figures.eventBytes
  return {
    users,
    rotationsPerSecond,
    requestsPerSecond,
    signInsPerSecond,
    writesPerSecond: rotationsPerSecond + 2 * signInsPerSecond + eventsPerSecond,
    accountRows: users,
    sessionRows,
    eventRows,
    databaseGb: bytes / 1e9,
    guardCores: (requestsPerSecond * figures.meMicros) / 1e6,
    serviceCores: (rotationsPerSecond * (figures.rotationMicros + figures.rotationPostgresMicros)) / 1e6,
    hashCores: (signInsPerSecond * figures.hashMicros) / 1e6,
    revokedIds,
    instanceMb:
      figures.idleMb + (10_000 * figures.cachedTokenBytes + revokedIds * figures.revokedIdBytes) / 1e6,
  }
}

/** Three digits at most, with the field's short words for large numbers. */
export function short(value: number): string {
  for (const [size, word] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ] as const)
    if (value >= size) return `${digits(value / size)}${word}`
  return digits(value)
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function table(plans: readonly Plan[]): string {
  const rows: readonly (readonly [string, (plan: Plan) => string])[] = [
    [
      "accounts, sessions, events (rows)",
      (p) => [p.accountRows, p.sessionRows, p.eventRows].map(short).join(", "),
    ],
    ["database with its indexes", (p) => `${short(p.databaseGb)} GB`],
    ["rotations a second", (p) => short(p.rotationsPerSecond)],
    ["all writes a second", (p) => short(p.writesPerSecond)],
    ["guarded requests a second", (p) => short(p.requestsPerSecond)],
    ["sign-ins a second", (p) => short(p.signInsPerSecond)],
    ["processors for guarding", (p) => short(p.guardCores)],
    ["processors for rotations, database included", (p) => short(p.serviceCores)],
    ["processors for hashing, if all sign in by password", (p) => short(p.hashCores)],
    ["revoked ids that each instance holds", (p) => short(p.revokedIds)],
    ["memory of an instance", (p) => `${short(p.instanceMb)} MB`],
  ]
  const head = `| at the peak | ${plans.map(({ users }) => `${short(users)} users`).join(" | ")} |`
  const line = `|---|${plans.map(() => "---").join("|")}|`
  return [head, line, ...rows.map(([name, cell]) => `| ${name} | ${plans.map(cell).join(" | ")} |`)].join(
    "\n",
  )
}

function assumptions(): string {
  const a = ASSUMED
  return [
    `- ${a.activeShare * 100} % of the users come on a day, with ${a.sessionsEach} sessions each; the peak is ${a.peak} times the mean.`,
    `- Each sends ${a.requestsADay} guarded requests and needs ${a.rotationsADay} rotations on that day.`,
    `- ${a.signInsAMonth} sign-ins and ${a.eventsAMonth} events a user and month; events are kept for ${a.eventDays} days.`,
  ].join("\n")
}

/** Writes a second over users, both by powers of ten, with what one database takes. */
function plot(figures: Figures): string {
  const [width, height] = SIZE
  const [left, right, top, bottom] = [64, 20, 20, 44]
  const users = Array.from({ length: 13 }, (_, index) => 10 ** (5 + index / 3))
  const x = (value: number) => left + ((Math.log10(value) - 5) / 4) * (width - left - right)
  const y = (value: number) =>
    height - bottom - (Math.log10(Math.max(1, value)) / 6) * (height - top - bottom)
  const curve = (of: (plan: Plan) => number, style: string) =>
    `<polyline fill="none" ${style} points="${users.map((each) => `${x(each).toFixed(1)},${y(of(plan(each, figures))).toFixed(1)}`).join(" ")}"/>`
  const ticks = [5, 6, 7, 8, 9].map(
    (power) =>
      `<text x="${x(10 ** power)}" y="${height - 22}" text-anchor="middle">${short(10 ** power)}</text>`,
  )
  const lines = [0, 1, 2, 3, 4, 5, 6].map(
    (power) =>
      `<line x1="${left}" x2="${width - right}" y1="${y(10 ** power).toFixed(1)}" y2="${y(10 ** power).toFixed(1)}" stroke="#d5d5d5"/>` +
      `<text x="${left - 8}" y="${(y(10 ** power) + 4).toFixed(1)}" text-anchor="end">${short(10 ** power)}</text>`,
  )
  const label = (value: number, of: (plan: Plan) => number, text: string) =>
    `<text x="${x(value).toFixed(1)}" y="${(y(of(plan(value, figures))) - 8).toFixed(1)}" text-anchor="end">${text}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12" fill="#222">
<title>Guarded requests, writes and sign-ins a second at the peak, over the number of users</title>
<rect width="${width}" height="${height}" fill="#fff"/>
${lines.join("\n")}
${ticks.join("\n")}
<text x="${(left + width - right) / 2}" y="${height - 6}" text-anchor="middle">users</text>
${curve((p) => p.requestsPerSecond, 'stroke="#1f5fbf" stroke-width="2"')}
${curve((p) => p.writesPerSecond, 'stroke="#b3261e" stroke-width="2"')}
${curve((p) => p.signInsPerSecond, 'stroke="#2e7d32" stroke-width="2" stroke-dasharray="6 4"')}
${label(2e8, (p) => p.requestsPerSecond, "guarded requests a second")}
${label(3e8, (p) => p.writesPerSecond, "writes a second")}
${label(4e8, (p) => p.signInsPerSecond, "sign-ins a second")}
</svg>
`
}

/** The document with its tables computed anew, and the plot. */
export function render(document: string, figures: Figures): { document: string; plot: string } {
  const put = (text: string, name: string, content: string) => {
    const block = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`)
    if (!block.test(text)) throw new Error(`docs/scaling.md has no place for ${name}`)
    return text.replace(block, () => `<!-- ${name} -->\n${content}\n<!-- /${name} -->`)
  }
  const plans = USERS.map((users) => plan(users, figures))
  const measured = Object.entries(figures).map(([name, value]) => `| \`${name}\` | ${value} |`)
  return {
    document: [
      ["assumptions", assumptions()],
      ["figures", ["| figure | measured |", "|---|---|", ...measured].join("\n")],
      ["table", table(plans)],
    ].reduce((text, [name = "", content = ""]) => put(text, name, content), document),
    plot: plot(figures),
  }
}

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url))
export const DOCUMENT: string = path("docs/scaling.md")
export const PLOT: string = path("docs/scaling.svg")
export const FIGURES: string = path("bench/figures.json")

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const figures = JSON.parse(readFileSync(FIGURES, "utf8")) as Figures
  const made = render(readFileSync(DOCUMENT, "utf8"), figures)
  writeFileSync(DOCUMENT, made.document)
  writeFileSync(PLOT, made.plot)
  console.log("docs/scaling.md and docs/scaling.svg are computed anew.")
}
