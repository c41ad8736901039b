import type { RequestListener, Server } from "node:http"
import { Server as TlsServer } from "node:https"
import { guard } from "../adapters/node.ts"
import { systemClock } from "../core/clock.ts"
import type { Facts } from "../core/facts.ts"
import type { Logger } from "../core/logger.ts"
import { MisuseError } from "../core/misuse.ts"
import { UnavailableError } from "../core/unavailable.ts"
import type { InboxMail } from "../flows/mail/index.ts"
import { type Latch, nightlatch } from "../index.ts"
import { type ChecklistRow, readChecklist } from "../latch/checklist.ts"
import { type Configuration, defaultOrigin, renameFaults } from "./configuration.ts"
import { factLines } from "./fact-lines.ts"
import { createFarewell } from "./farewell.ts"
import { removeInboxKey, writeInboxKey } from "./inbox-key.ts"
import { createListener } from "./listener.ts"
import { createOperator } from "./operator.ts"
import { createRedirect } from "./redirect.ts"
import { createRoutes, HEALTH_PATHS, SERVICE_ROUTES } from "./routes.ts"
import { type Address, drain, limitsOf, listen, openServer } from "./sockets.ts"
import { watchTls } from "./tls.ts"
import { trySteps } from "./try-it.ts"

const JWKS_PATH = "/.well-known/jwks.json"

const DAY_MS = 24 * 3_600_000

export interface ServiceInput {
  readonly configuration: Configuration
  readonly logger: Logger
  /** Told of each mail of the development inbox. */
  readonly onMail?: (mail: InboxMail) => void
  readonly version: string
  /** How this copy runs its command line, for the page's "try it". */
  readonly commandLine: string
}

export interface Service {
  readonly origin: string
  /** What it really listens on. */
  readonly address: Address
  /** Where plain http is led to https; undefined when nowhere. */
  readonly redirectAddress: Address | undefined
  readonly latch: Latch
  /** Each line of the checklist, with what the service alone knows. */
  checklist(): readonly ChecklistRow[]
  readonly jwksPath: string
  /** The development inbox's address with its key; undefined when there is none. */
  readonly inbox: string | undefined
  /**
   * Tells whoever asks /readyz that it leaves, then accepts nothing new, lets what is in flight finish for at most 10 s, and
   * closes the store. May be called twice.
   */
  stop(): Promise<void>
}

/**
 * Listens first, because a free port is part of the origin; a request that comes before the guard is built waits for it and
 * is never answered without it.
 * @throws MisuseError for every fault of the configuration, a taken port included
 */
export async function startService(input: ServiceInput): Promise<Service> {
  const { configuration, logger } = input
  const built = Promise.withResolvers<RequestListener>()
  built.promise.catch(() => {})
  let handle: RequestListener = (request, response) => {
    built.promise.then((listener) => listener(request, response)).catch(() => response.destroy())
  }
  const server = openServer(configuration, (request, response) => handle(request, response))
  const { host, port, sources } = configuration
  const address = await listen(
    server,
    { host, port },
    { port: sources.get("port") ?? "port", host: sources.get("host") ?? "host" },
  )
  try {
    const running = await build(input, server, address)
    handle = running.listener
    built.resolve(running.listener)
    return { ...running.service, address }
  } catch (error) {
    built.reject(error)
    server.close()
    server.closeAllConnections()
    if (error instanceof MisuseError) throw new MisuseError(renameFaults(error.faults, configuration.sources))
    // What is not there yet is told by whoever started us; a stack would hide it.
    if (!(error instanceof UnavailableError)) logger.error({ err: error }, "the service could not start")
    throw error
  }
}

async function build(
  input: ServiceInput,
  server: Server | TlsServer,
  { port }: Address,
): Promise<{ listener: RequestListener; service: Omit<Service, "address"> }> {
  const { configuration, logger } = input
  const origin = originFor(configuration, port)
  const { publicRoutes: own, healthPaths: health } = configuration.options
  const latch = await nightlatch({
    ...configuration.options,
    secret: configuration.secret.ask ?? configuration.options.secret,
    origin,
    logger,
    publicRoutes: [...(Array.isArray(own) ? own : []), ...SERVICE_ROUTES],
    healthPaths: [...(Array.isArray(health) ? health : []), ...HEALTH_PATHS],
  } as unknown as Parameters<typeof nightlatch>[0])
  latch.limitServer(server as Server)
  latch.inbox?.onMail((mail) => input.onMail?.(mail))
  let stopping: Promise<void> | undefined
  const inboxKeyFile = writeInboxKey(configuration, latch.developmentKey)
  const certificate =
    configuration.tls !== undefined && server instanceof TlsServer
      ? watchTls({ ...configuration.tls, origin: new URL(origin), server, logger })
      : undefined
  const facts = (): Facts => {
    const latchFacts = latch.facts()
    const source = configuration.secret.source ?? ".env"
    const known = { ...latchFacts, secret: { ...latchFacts.secret, source } }
    if (certificate === undefined) return known
    const certificateDays = Math.floor((certificate.endsAt() - Date.now()) / DAY_MS)
    return { ...known, https: { ...known.https, certificateDays } }
  }
  const redirect = await openRedirect(configuration, origin, latch).catch(async (error: unknown) => {
    certificate?.stop()
    await latch.close()
    throw error
  })
  const farewell = createFarewell(server)
  const routes = createRoutes({
    origin,
    version: input.version,
    operator: createOperator({
      token: configuration.operatorToken,
      development: latch.inbox !== undefined,
      origin: new URL(origin),
      clock: systemClock,
    }),
    checklist: () => readChecklist(facts()),
    facts,
    factLines: () => factLines(facts()),
    steps:
      latch.inbox === undefined
        ? []
        : trySteps({
            origin,
            basePath: basePathOf(configuration),
            inboxKeyFile,
            toleratedDelaySeconds: facts().session.toleratedDelaySeconds,
            commandLine: input.commandLine,
          }),
    jwksPath: JWKS_PATH,
    ready: async () => {
      farewell.noteAsked()
      return stopping === undefined && (await latch.ready())
    },
  })
  const stop = async (): Promise<void> => {
    certificate?.stop()
    await farewell.wait()
    await Promise.all([drain(server), redirect === undefined ? undefined : drain(redirect.server)])
    removeInboxKey(inboxKeyFile)
    await latch.close()
  }
  return {
    listener: guard(latch, createListener(routes, logger)),
    service: {
      origin,
      redirectAddress: redirect?.address,
      latch,
      checklist: () => readChecklist(facts()),
      jwksPath: JWKS_PATH,
      inbox: latch.inboxUrl,
      stop() {
        stopping ??= stop()
        return stopping
      },
    },
  }
}

/** The configured origin; the default one gets the port that was really taken. */
function originFor(configuration: Configuration, port: number): string {
  if (configuration.sources.has("origin")) return String(configuration.options.origin)
  return defaultOrigin(configuration.tls !== undefined, port)
}

/** Plain http beside https, on the port that the settings name. */
async function openRedirect(
  configuration: Configuration,
  origin: string,
  latch: Latch,
): Promise<{ server: Server; address: Address } | undefined> {
  const port = configuration.tls?.files.redirectPort
  if (port === undefined) return undefined
  const server = createRedirect(origin, limitsOf(configuration))
  latch.limitServer(server)
  const named = configuration.sources.get("tls.redirectPort") ?? "tls.redirectPort"
  const host = configuration.sources.get("host") ?? "host"
  const address = await listen(server, { host: configuration.host, port }, { port: named, host })
  return { server, address }
}

function basePathOf(configuration: Configuration): string {
  const { basePath } = configuration.options
  return typeof basePath === "string" ? basePath : "/auth"
}
