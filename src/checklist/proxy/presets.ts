/**
 * What stands in front of services most often, by name: where its connections come from, and what it writes into
 * X-Forwarded-For.
 */
import { CLOUDFLARE, CLOUDFRONT, FASTLY } from "./published-ranges.ts"

export interface Preset {
  readonly ranges: readonly string[]
  /** Entries at the end of X-Forwarded-For that name the proxy itself and not its client. */
  readonly ownEntries: number
  /** A header of the proxy's own with the client's address and nothing else, read instead of X-Forwarded-For. */
  readonly clientHeader: string | undefined
  /** Whether it may also come over a Unix socket, or in the same process. */
  readonly unix: boolean
  /** The day its published list was read; undefined for networks that are private by definition. */
  readonly asOf: string | undefined
}

const LOOPBACK = ["127.0.0.0/8", "::1"]
/** RFC 1918 and RFC 4193. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
/** https://cloud.google.com/load-balancing/docs/firewall-rules, read 2026-11-29: the front ends reach backends from these. */
const GOOGLE_FRONT_ENDS = ["35.191.0.0/16", "130.211.0.0/22", "2600:2d00:1:b029::/64", "2600:2d00:1:1::/64"]

const of = (ranges: readonly string[], rest: Partial<Preset> = {}): Preset =>
  Object.freeze({ ranges, ownEntries: 0, clientHeader: undefined, unix: false, asOf: undefined, ...rest })

export type PresetName =
  | "nginx"
  | "cloudflare"
  | "cloudfront"
  | "fastly"
  | "aws-alb"
  | "gcp"
  | "fly"
  | "vercel"

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  nginx: of([...LOOPBACK, ...PRIVATE], { unix: true }),
  cloudflare: of(CLOUDFLARE.ranges, { asOf: CLOUDFLARE.asOf }),
  cloudfront: of(CLOUDFRONT.ranges, { asOf: CLOUDFRONT.asOf }),
  // Writes its client's address only when that came by TLS; see `state.ts`.
  fastly: of(FASTLY.ranges, { asOf: FASTLY.asOf }),
  // A load balancer of AWS connects from its own subnets, which nobody publishes; its header ends with the client.
  "aws-alb": of(PRIVATE),
  // The front end appends the client and then the load balancer's own address
  // (https://cloud.google.com/load-balancing/docs/https, "X-Forwarded-For header").
  gcp: of(GOOGLE_FRONT_ENDS, { ownEntries: 1, asOf: "2026-11-29" }),
  // The usual header ends with an address of the application itself, or does not
  // (https://fly.io/docs/networking/request-headers/).
  fly: of(PRIVATE, { clientHeader: "fly-client-ip" }),
  // The platform overwrites the header (https://vercel.com/docs/edge-network/headers/request-headers).
  vercel: of([...LOOPBACK, ...PRIVATE], { unix: true }),
}

/** Those whose networks are their own, so that whoever connects from there is one of them. */
export const PUBLIC_PRESETS: readonly PresetName[] = ["cloudflare", "cloudfront", "fastly", "gcp"]

export function isPreset(name: string): name is PresetName {
  return Object.hasOwn(PRESETS, name)
}
