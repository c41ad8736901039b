/** An ACME authority of our own: Pebble, Let's Encrypt's server for tests, with names that all lead to this machine. */
import { writeFileSync } from "node:fs"
import { request } from "node:https"
import { createAuthority, issueCertificate } from "../service/certificates.ts"
import { freePort } from "../service/process.ts"
import { own, type Program, type Scratch, start, until } from "./programs.ts"

export interface Pebble {
  /** For the bundle's scripts. */
  readonly environment: Readonly<Record<string, string>>
  /** Its root, which clients of the issued certificates trust. */
  readonly root: string
  stop(): Promise<void>
}

/** @param httpPort where it looks for the answer to a challenge */
export async function startPebble(scratch: Scratch, httpPort: number): Promise<Pebble> {
  const [api, management, dns, control, unused] = await Promise.all(Array.from({ length: 5 }, freePort))
  const issuer = createAuthority("Test ACME")
  const certificate = issueCertificate({ name: "localhost", names: ["localhost", "127.0.0.1"], issuer })
  const files = {
    "pebble-ca.pem": issuer.certificate,
    "pebble.pem": certificate.certificate,
    "pebble.key": certificate.key,
    "pebble.json": JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${api}`,
        managementListenAddress: `127.0.0.1:${management}`,
        certificate: scratch.at("pebble.pem"),
        privateKey: scratch.at("pebble.key"),
        httpPort,
        tlsPort: unused,
      },
    }),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(scratch.at(name), text)
  own(scratch.path)
  const names: Program = start(
    [
      "pebble-challtestsrv",
      ...["-dns01", `127.0.0.1:${dns}`, "-management", `127.0.0.1:${control}`, "-defaultIPv6", ""],
      ...["-http01", "", "-https01", "", "-tlsalpn01", ""],
    ],
    {},
    scratch.path,
    scratch.at("challtestsrv.log"),
  )
  const pebble: Program = start(
    ["pebble", "-config", scratch.at("pebble.json"), "-dnsserver", `127.0.0.1:${dns}`],
    // Each certificate with a challenge of its own, and no nonce refused by chance, which certbot forgives once only.
    { PEBBLE_VA_NOSLEEP: "1", PEBBLE_AUTHZREUSE: "0", PEBBLE_WFE_NONCEREJECT: "0" },
    scratch.path,
    scratch.at("pebble.log"),
  )
  const ca = issuer.certificate
  const words = () => `${names.output()}\n${pebble.output()}`
  await until(async () => (await get(management ?? 0, "/roots/0", ca)) !== undefined, 15, words)
  return {
    environment: {
      LATCH_ACME_DIRECTORY: `https://127.0.0.1:${api}/dir`,
      REQUESTS_CA_BUNDLE: scratch.at("pebble-ca.pem"),
    },
    root: (await get(management ?? 0, "/roots/0", ca)) ?? "",
    async stop() {
      await Promise.all([pebble.stop(), names.stop()])
    },
  }
}

function get(port: number, path: string, ca: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    request({ host: "127.0.0.1", port, path, ca, agent: false }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      response.on("end", () => resolve(response.statusCode === 200 ? text : undefined))
    })
      .on("error", () => resolve(undefined))
      .end()
  })
}
