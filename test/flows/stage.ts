/** A real Nightlatch on a real socket, a client that keeps cookies like a browser, and a store that can be made to fail. */
import { once } from "node:events"
import { createServer, request as httpRequest, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { guard } from "../../src/adapters/node.ts"
import { generateSecret } from "../../src/checklist/secret/index.ts"
import type { InboxMail } from "../../src/flows/mail/index.ts"
import type { Latch, NightlatchOptions } from "../../src/index.ts"
import { compose } from "../../src/latch/latch.ts"
import { askPolicies } from "../../src/latch/policy.ts"
import type { Store } from "../../src/store/store.ts"
import { openStores } from "./engine.ts"

export const PASSWORD = "violet kettle ninety moss"

/** Refused before anything was done. */
const UNCHANGED: ReadonlySet<number> = new Set([400, 403, 404, 405, 413, 415, 429])

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  /** The parsed body; empty when it is not JSON. */
  readonly json: Readonly<Record<string, unknown>>
  readonly setCookies: readonly string[]
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly body?: string | Buffer
}

export interface Stage {
  readonly latch: Latch
  /** Of one instance, without what is put between. */
  readonly store: Store
  readonly base: string
  readonly logged: string[]
  /** Moves the service's clock, in milliseconds, and waits until the revocation feed has caught up. */
  tick(milliseconds: number): Promise<void>
  ask(path: string, ask?: Ask): Promise<Answer>
  browser(): Browser
  /** The token of the newest mail to an address, or of the newest that leads to a page; waits for it. */
  tokenFor(email: string, page?: "register" | "reset" | "email-link"): Promise<string>
  /** The code of the newest mail to an address that has one; waits for it. */
  codeFor(email: string): Promise<string>
  close(): Promise<void>
}

/**
 * @param wrap puts something between the service and its store
 * @param application what stands behind the guard; default nothing
 */
export async function openStage(
  options: Partial<NightlatchOptions> = {},
  wrap: (store: Store) => Store = (store) => store,
  application?: RequestListener,
): Promise<Stage> {
  let now = 1_800_000_000_000
  const logged: string[] = []
  const log = (fields: object, message: string) => void logged.push(`${message} ${JSON.stringify(fields)}`)
  let listener: Parameters<typeof createServer>[1] = (_request, response) =>
    void response.writeHead(503).end()
  const server: Server = createServer((request, response) => listener?.(request, response))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const base = `http://localhost:${port}`
  const clock = options.clock ?? (() => now)
  const given = {
    origin: base,
    secret: generateSecret(),
    database: ":memory:",
    // Tests on a busy machine are late by themselves; shedding has tests of its own.
    overload: { loopDelayMs: 5_000 },
    clock,
    logger: { info: log, warn: log, error: log },
    rateLimit: {
      perAddress: "1000000/minute",
      login: { perAccount: "100000/minute", perAddress: "1000000/minute" },
      refresh: { perAddress: "1000000/minute" },
      mail: { perAddress: "1000000/minute" },
    },
    // One address plays many people; what is asked of robots has tests of its own.
    botCheck: {
      free: {
        mail: { perNetwork: "1000000/minute", inAll: "1000000/minute" },
        signIn: { perAccount: "1000000/minute", perNetwork: "1000000/minute" },
      },
    },
    ...options,
  }
  const stores = await openStores(clock, given.database)
  const [store] = stores.all
  if (store === undefined) throw new Error("no store")
  const instances: Latch[] = []
  for (const each of stores.all) instances.push(await compose(await askPolicies(given), wrap(each)))
  const latch = together(instances)
  const listeners = instances.map((instance) => guard(instance, application))
  let turn = 0
  listener = (request, response) => listeners[turn++ % listeners.length]?.(request, response)

  /** A change is heard of by all before the next request. */
  async function ask(path: string, given: Ask = {}): Promise<Answer> {
    const answer = await send(path, given)
    const { method = given.json === undefined && given.body === undefined ? "GET" : "POST" } = given
    if (instances.length > 1 && method !== "GET" && !UNCHANGED.has(answer.status)) await stores.settle()
    return answer
  }

  function send(path: string, { method, headers = {}, json, body }: Ask): Promise<Answer> {
    const payload = json === undefined ? body : JSON.stringify(json)
    const type = json === undefined ? {} : { "content-type": "application/json" }
    const length = payload === undefined ? {} : { "content-length": String(Buffer.byteLength(payload)) }
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          port,
          host: "127.0.0.1",
          path,
          method: method ?? (payload === undefined ? "GET" : "POST"),
          headers: { host: `localhost:${port}`, ...type, ...length, ...headers },
          agent: false,
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on("data", (chunk: Buffer) => chunks.push(chunk))
          response.on("end", () => {
            const text = Buffer.concat(chunks).toString("utf8")
            const isJson = /json/.test(response.headers["content-type"] ?? "")
            const setCookies = response.headers["set-cookie"] ?? []
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: isJson && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {},
              setCookies,
            })
          })
        },
      )
      request.on("error", reject)
      request.end(payload)
    })
  }

  async function mailed(email: string, read: (mail: InboxMail) => string | undefined): Promise<string> {
    const patience = performance.now() + 10_000
    for (;;) {
      for (const mail of latch.inbox?.list() ?? []) {
        const found = mail.to === email ? read(mail) : undefined
        if (found !== undefined) return found
      }
      if (performance.now() > patience) throw new Error(`no mail for ${email}`)
      await new Promise((later) => setTimeout(later, 5))
    }
  }

  return {
    latch,
    store,
    base,
    logged,
    ask,
    async tick(milliseconds) {
      now += milliseconds
      await stores.settle()
      while ((latch.facts().session.feedAgeMs ?? 99_999) > 1_000)
        await new Promise((later) => setTimeout(later, 20))
    },
    browser: () => new Browser(ask, base),
    async tokenFor(email, page) {
      const link = await mailed(email, (mail) =>
        mail.link?.includes(`/${page ?? ""}`) === true ? mail.link : undefined,
      )
      return link.split("token=")[1] ?? ""
    },
    codeFor: (email) => mailed(email, ({ code }) => code),
    async close() {
      server.close()
      server.closeAllConnections()
      await latch.close()
      await stores.drop()
    },
  }
}

/** Several instances as one, with the mails that any of them has sent. */
function together(instances: readonly Latch[]): Latch {
  const [first] = instances
  if (first === undefined) throw new Error("no instance")
  if (instances.length === 1) return first
  const { inbox } = first
  const mails: InboxMail[] = []
  for (const each of instances) each.inbox?.onMail((mail) => void mails.unshift(mail))
  return {
    ...first,
    inbox: inbox === undefined ? undefined : { ...inbox, list: () => mails },
    async renewSecrets() {
      await Promise.all(instances.map((each) => each.renewSecrets()))
    },
    async ready() {
      return (await Promise.all(instances.map((each) => each.ready()))).every(Boolean)
    },
    async close() {
      await Promise.all(instances.map((each) => each.close()))
    },
  }
}

/** Cookies by name, sent with the origin as our own pages do. */
export class Browser {
  readonly jar: Map<string, string> = new Map()
  readonly #ask: Stage["ask"]
  readonly #origin: string

  constructor(ask: Stage["ask"], origin: string) {
    this.#ask = ask
    this.#origin = origin
  }

  async ask(path: string, ask: Ask = {}): Promise<Answer> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ")
    const headers = { origin: this.#origin, ...(cookie === "" ? {} : { cookie }), ...ask.headers }
    const answer = await this.#ask(path, { ...ask, headers })
    for (const line of answer.setCookies) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (/max-age=0(?:;|$)/i.test(line)) this.jar.delete(name)
      else this.jar.set(name, value)
    }
    return answer
  }

  post(path: string, json?: unknown): Promise<Answer> {
    return this.ask(path, json === undefined ? { method: "POST" } : { json })
  }

  copy(): Browser {
    const copy = new Browser(this.#ask, this.#origin)
    for (const [name, value] of this.jar) copy.jar.set(name, value)
    return copy
  }

  cookie(part: "access" | "refresh" | "device"): string | undefined {
    return [...this.jar].find(([name]) => name.includes(part))?.[1]
  }
}

/** Registers and signs in: a browser with a session. */
export async function signUp(stage: Stage, email: string, password: string = PASSWORD): Promise<Browser> {
  const browser = stage.browser()
  await browser.post("/auth/register", { email })
  const token = await stage.tokenFor(email)
  const done = await browser.post("/auth/register/complete", { token, password })
  if (done.status !== 201) throw new Error(`registration answered ${done.status} ${done.text}`)
  return browser
}
