/** The bundle's nginx, from the very files it ships, on loopback ports. */
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { createAuthority, issueCertificate } from "../service/certificates.ts"
import { freePort } from "../service/process.ts"
import { own, type Program, type Scratch, start, until } from "./programs.ts"

export const DOMAIN = "latch.example.com"

/** Whether this machine has IPv6 to itself; containers often have not. */
export const HAS_IPV6: boolean = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .some(({ address }) => address === "::1")
// A second address of loopback stands in for it.
const SECOND = HAS_IPV6 ? "[::1]" : "127.0.0.2"

export interface Edge {
  readonly http: number
  readonly https: number
  readonly nginx: Program
  /** What the containers share, by the names that the bundle's scripts know. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export interface Wanted {
  /** The service's address. */
  readonly upstream: string
  readonly domain?: string
  /** Files of `nginx/variants`, by what they stand for in `nginx/templates`. */
  readonly variants?: Readonly<Record<string, string>>
  /** Further variables of the templates. */
  readonly variables?: Readonly<Record<string, string>>
  /** Further files for `conf.d`. */
  readonly files?: Readonly<Record<string, string>>
}

export async function openEdge(scratch: Scratch, wanted: Wanted): Promise<Edge> {
  const [http, https] = [await freePort(), await freePort()]
  for (const folder of ["certificates", "webroot", "conf.d", "tmp"])
    mkdirSync(scratch.at(folder), { recursive: true })
  const variables = {
    LATCH_DOMAIN: wanted.domain ?? DOMAIN,
    LATCH_UPSTREAM: wanted.upstream,
    LATCH_CERTIFICATES: scratch.at("certificates"),
    LATCH_WEBROOT: scratch.at("webroot"),
    LATCH_HTTP_V4: `127.0.0.1:${http}`,
    LATCH_HTTP_V6: `${SECOND}:${http}`,
    LATCH_HTTPS_V4: `127.0.0.1:${https}`,
    LATCH_HTTPS_V6: `${SECOND}:${https}`,
    ...wanted.variables,
  }
  render(scratch, variables, wanted)
  const environment = {
    ...variables,
    LATCH_NGINX: `nginx -p ${scratch.path}/ -c ${scratch.at("nginx.conf")}`,
    LATCH_RELOAD_EVERY: "1",
    LATCH_EDGE: `http://127.0.0.1:${http}`,
    LATCH_CERTBOT: scratch.at("certbot"),
    LATCH_EMAIL: "operator@example.com",
  }
  own(scratch.path)
  const words = ["nginx", "-p", `${scratch.path}/`, "-c", scratch.at("nginx.conf"), "-g", "daemon off;"]
  let nginx: Program | undefined
  return {
    http,
    https,
    environment,
    get nginx() {
      nginx ??= start(words, environment, scratch.path, scratch.at("nginx.log"))
      return nginx
    },
    async stop() {
      await nginx?.stop("SIGQUIT")
    },
  }
}

/** A certificate as certbot's hook leaves it. @returns the root that signed it */
export function putCertificate(scratch: Scratch, domain: string = DOMAIN): string {
  const authority = createAuthority("Test root")
  const to = new Date(Date.now() + 90 * 86_400_000)
  const { certificate, key } = issueCertificate({ name: domain, names: [domain], to, issuer: authority })
  mkdirSync(scratch.at("certificates"), { recursive: true })
  writeFileSync(scratch.at("certificates/current.pem"), certificate + key, { mode: 0o600 })
  own(scratch.path)
  return authority.certificate
}

/** Starts it and waits until its port answers. */
export async function startEdge(edge: Edge): Promise<void> {
  const { nginx } = edge
  await until(
    () => {
      if (nginx.child.exitCode !== null) throw new Error(nginx.output())
      return answersAt(edge.http)
    },
    10,
    () => nginx.output(),
  )
}

async function answersAt(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`, { headers: { host: DOMAIN } }).then(
    () => true,
    (error: Error & { cause?: { code?: string } }) => error.cause?.code !== "ECONNREFUSED",
  )
}

/** As the official image does it: envsubst over each template, with the variables of our prefix alone. */
function render(scratch: Scratch, variables: Readonly<Record<string, string>>, wanted: Wanted): void {
  const from = scratch.at("deploy/nginx")
  const templates = Object.fromEntries(
    readdirSync(join(from, "templates")).map((name) => [name, join(from, "templates", name)]),
  )
  for (const [name, variant] of Object.entries(wanted.variants ?? {}))
    templates[name] = join(from, "variants", variant)
  const names = Object.keys(variables)
    .map((name) => `\${${name}}`)
    .join(" ")
  for (const [name, path] of Object.entries(templates)) {
    const text = execFileSync("envsubst", [names], {
      input: readFileSync(path),
      env: { ...process.env, ...variables },
    })
    writeFileSync(scratch.at(join("conf.d", name.replace(/\.template$/, ""))), text)
  }
  for (const [name, path] of Object.entries(wanted.files ?? {}))
    copyFileSync(path, scratch.at(join("conf.d", name)))
  // The container's own temporary folder; here every nginx needs its own.
  const main = readFileSync(join(from, "nginx.conf"), "utf8").replaceAll(" /tmp/", ` ${scratch.at("tmp")}/`)
  writeFileSync(scratch.at("nginx.conf"), main)
}
