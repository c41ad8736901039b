import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http"
import { guard } from "../adapters/node.ts"
import { readOverload } from "../checklist/overload/index.ts"
import { systemClock } from "../core/clock.ts"
import type { Logger } from "../core/logger.ts"
import { Faults, MisuseError } from "../core/misuse.ts"
import type { InboxMail } from "../flows/mail/index.ts"
import { type Latch, nightlatch } from "../index.ts"
import { type Configuration, renameFaults } from "./configuration.ts"
import { factLines } from "./fact-lines.ts"
import { removeInboxKey, writeInboxKey } from "./inbox-key.ts"
import { createListener } from "./listener.ts"
import { createOperator } from "./operator.ts"
import { createRoutes, HEALTH_PATHS, SERVICE_ROUTES } from "./routes.ts"
import { trySteps } from "./try-it.ts"

const JWKS_PATH = "/.well-known/jwks.json"

/** Requests in flight get this long to finish when the service is told to stop. */
const DRAIN_MS = 10_000
const DRAIN_CHECK_MS = 25

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
  readonly address: { readonly host: string; readonly port: number }
  readonly latch: Latch
  readonly jwksPath: string
  /** The development inbox's address with its key; undefined when there is none. */
  readonly inbox: string | undefined
  /** Accepts nothing new, lets what is in flight finish for at most 10 s, closes the store. May be called twice. */
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
  const server = createServer(limitsOf(configuration), (request, response) => handle(request, response))
  const address = await listen(server, configuration)
  try {
    const running = await build(input, server, address.port)
    handle = running.listener
    built.resolve(running.listener)
    return { ...running.service, address }
  } catch (error) {
    built.reject(error)
    server.close()
    server.closeAllConnections()
    if (error instanceof MisuseError) throw new MisuseError(renameFaults(error.faults, configuration.sources))
    logger.error({ err: error }, "the service could not start")
    throw error
  }
}

async function build(
  input: ServiceInput,
  server: Server,
  port: number,
): Promise<{ listener: RequestListener; service: Omit<Service, "address"> }> {
  const { configuration, logger } = input
  const origin = originFor(configuration, port)
  const { publicRoutes: own, healthPaths: health } = configuration.options
  const latch = await nightlatch({
    ...configuration.options,
    origin,
    logger,
    publicRoutes: [...(Array.isArray(own) ? own : []), ...SERVICE_ROUTES],
    healthPaths: [...(Array.isArray(health) ? health : []), ...HEALTH_PATHS],
  } as unknown as Parameters<typeof nightlatch>[0])
  latch.limitServer(server)
  latch.inbox?.onMail((mail) => input.onMail?.(mail))
  let stopping: Promise<void> | undefined
  const inboxKeyFile = writeInboxKey(configuration, latch.developmentKey)
  const facts = latch.facts()
  const routes = createRoutes({
    origin,
    version: input.version,
    operator: createOperator({
      token: configuration.operatorToken,
      development: latch.inbox !== undefined,
      origin: new URL(origin),
      clock: systemClock,
    }),
    checklist: () => latch.checklist(),
    facts: () => latch.facts(),
    factLines: () => factLines(latch.facts()),
    steps:
      latch.inbox === undefined
        ? []
        : trySteps({
            origin,
            basePath: basePathOf(configuration),
            inboxKeyFile,
            toleratedDelaySeconds: facts.session.toleratedDelaySeconds,
            commandLine: input.commandLine,
          }),
    jwksPath: JWKS_PATH,
    ready: async () => stopping === undefined && (await latch.ready()),
  })
  const stop = async (): Promise<void> => {
    await drain(server)
    removeInboxKey(inboxKeyFile)
    await latch.close()
  }
  return {
    listener: guard(latch, createListener(routes, logger)),
    service: {
      origin,
      latch,
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
  return new URL(`http://localhost:${port}`).origin
}

function basePathOf(configuration: Configuration): string {
  const { basePath } = configuration.options
  return typeof basePath === "string" ? basePath : "/auth"
}

function listen(
  server: Server,
  { host, port, sources }: Configuration,
): Promise<{ host: string; port: number }> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const problem = LISTEN_PROBLEMS[error.code ?? ""]
      if (problem === undefined) return reject(error)
      const [path, text, fix] = problem
      const fault = { code: "configuration.listen", path: sources.get(path) ?? path, problem: text, fix }
      reject(new MisuseError([fault]))
    })
    server.listen({ host, port }, () => {
      const address = server.address()
      if (address === null || typeof address === "string") return reject(new Error("no address to listen on"))
      resolve({ host: address.address, port: address.port })
    })
  })
}

const LISTEN_PROBLEMS: Readonly<Record<string, readonly ["port" | "host", string, string]>> = {
  EADDRINUSE: [
    "port",
    "another program listens on this port",
    "Stop it, or choose another: PORT=3001 or --port 3001",
  ],
  EACCES: [
    "port",
    "this user may not listen on this port",
    "Choose one above 1023 and let a proxy take 443.",
  ],
  EADDRNOTAVAIL: [
    "host",
    "this machine does not have this address",
    "Use 127.0.0.1, or 0.0.0.0 in a container.",
  ],
  ENOTFOUND: ["host", "this name has no address", "Use 127.0.0.1, or 0.0.0.0 in a container."],
}

/** What a server takes only when it is made: the size of a request's head. Read again, with its faults, by the latch. */
function limitsOf({ options }: Configuration): ServerOptions {
  const { maxHeaderBytes, connectionsCheckingIntervalMs } = readOverload(
    options.overload,
    new Faults(),
  ).serverLimits
  return { maxHeaderSize: maxHeaderBytes, connectionsCheckingInterval: connectionsCheckingIntervalMs }
}

/** Keep-alive connections that are idle are closed again and again, since one may have become idle a moment ago. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const idle = setInterval(() => server.closeIdleConnections(), DRAIN_CHECK_MS)
  const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS)
  await closed
  clearInterval(idle)
  clearTimeout(late)
}
