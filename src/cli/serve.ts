import { relative } from "node:path"
import { placeOf } from "../checklist/database/index.ts"
import { VERSION } from "../latch/version.ts"
import { databaseOf } from "../service/database.ts"
import { createLog } from "../service/log.ts"
import { type Service, startService } from "../service/server.ts"
import { command } from "./command.ts"
import { COMMAND_LINE } from "./command-line.ts"
import { painter, report } from "./output.ts"
import { configure } from "./settings.ts"
import { mailBlock, startScreen } from "./start-screen.ts"

export const serve: ReturnType<typeof command> = command({
  meta: { name: "serve", description: "Run the service" },
  args: {
    port: {
      type: "string",
      valueHint: "number",
      description: "Port to listen on; 0 takes a free one (PORT, 3000)",
    },
    host: { type: "string", valueHint: "address", description: "Address to listen on (HOST, 127.0.0.1)" },
    origin: {
      type: "string",
      valueHint: "origin",
      description: "What the address bar shows (NIGHTLATCH_ORIGIN)",
    },
    database: {
      type: "string",
      valueHint: "path",
      description: "SQLite file or postgres://… (NIGHTLATCH_DATABASE)",
    },
    "tls-cert": {
      type: "string",
      valueHint: "path",
      description: "Certificate with its chain: speak https (NIGHTLATCH_TLS_CERT)",
    },
    "tls-key": { type: "string", valueHint: "path", description: "Its private key (NIGHTLATCH_TLS_KEY)" },
    "redirect-port": {
      type: "string",
      valueHint: "number",
      description: "Port for plain http that leads pages to https (NIGHTLATCH_REDIRECT_PORT)",
    },
    "tolerated-delay": {
      type: "string",
      valueHint: "seconds",
      description: "How late an answer may be, for example 0.3 (NIGHTLATCH_TOLERATED_DELAY, 5)",
    },
  },
  async run({ args }) {
    const { port, host, origin, database } = args
    const configuration = await configure(
      {
        port,
        host,
        origin,
        database,
        "tls.certificate": args["tls-cert"],
        "tls.key": args["tls-key"],
        "tls.redirectPort": args["redirect-port"],
        "session.toleratedDelaySeconds": args["tolerated-delay"],
      },
      true,
    )
    const terminal = process.stdout.isTTY === true
    const paint = painter(terminal ? process.stdout : process.stderr)
    const logger = createLog({ human: terminal, color: paint("dim", "") !== "" })
    // Standard output belongs to the log where no person looks at it, and neither the inbox's key nor a mail stands in a log.
    const stream = terminal ? process.stdout : process.stderr
    const service = await startService({
      configuration,
      logger,
      onMail: (mail) => stream.write(`${mailBlock(mail, paint)}\n`),
      version: VERSION,
      commandLine: COMMAND_LINE,
    })
    const { inbox } = service
    const screen = startScreen(
      {
        version: VERSION,
        origin: service.origin,
        address: service.address,
        redirectAddress: service.redirectAddress,
        database: shortPlace(databaseOf(configuration)),
        jwksPath: service.jwksPath,
        inbox,
        open: inbox !== undefined,
        operatorToken: configuration.operatorToken !== undefined,
        notes: configuration.notes,
        lines: service.checklist(),
      },
      paint,
    )
    stream.write(`${screen}\n`)
    logger.info({ origin: service.origin, ...service.address }, "ready")
    stopOnSignals(service, (fields, message) => logger.info(fields, message))
    // From a terminal it says that nobody is there any more, and ends the process.
    if (!terminal) process.on("SIGHUP", () => void service.latch.renewSecrets())
  },
})

/** The first signal lets what is in flight finish; the second one does not wait. */
function stopOnSignals(service: Service, log: (fields: object, message: string) => void): void {
  let stopping = false
  const onSignal = (signal: NodeJS.Signals, number: number): void => {
    if (stopping) process.exit(128 + number)
    stopping = true
    log({ signal }, "stopping: finishing what is in flight")
    service.stop().then(
      () => {
        log({}, "stopped")
        process.exitCode = 0
        process.off("SIGTERM", onSignal).off("SIGINT", onSignal)
      },
      (error) => process.exit(report(error)),
    )
  }
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal)
}

function shortPlace(place: ReturnType<typeof databaseOf>): string {
  const name = placeOf(place)
  if (place.kind === "postgres" || name === ":memory:") return name
  const short = relative(process.cwd(), name)
  return short.startsWith("..") ? name : short
}
