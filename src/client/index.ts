/**
 * The browser's side of a session. The attack is a race: two tabs refresh at once or an answer gets lost, and a client that
 * believes the first refusal throws a good session away (bluesky-social/social-app#11195).
 * Promise: one refresh at a time in a browser; "signed out" only after the service said so twice; a failure is an error.
 * It stores and clears nothing, and sends neither cookies nor its header to other origins.
 */
import type { BotCheck, Client, ClientOptions, Me, Refused } from "./types.ts"

export type { BotCheck, Client, ClientOptions, Credentials, Me } from "./types.ts"

type Channel = InstanceType<typeof BroadcastChannel>

/** The page's or worker's own; programs of Node have none. */
declare const location: { readonly origin: string }

/** For another tab's turn, longer than a slow mobile answer. A refresh itself is never cut off. */
const PATIENCE_MS = 30_000
const HEADER = "x-nightlatch"
// A new cookie is to arrive also when the page goes away.
const POST = { method: "POST", keepalive: true }

/** What was refused, or why there was no answer. The message is fit to be shown. */
export class NightlatchError extends Error {
  /** The service's stable code; `client.unreachable`, `client.busy` and `client.unknown_answer` are this side's. */
  declare readonly code: string
  /** 0 when there was no answer. */
  declare readonly status: number
  /** How long the service asks to wait before the next try. */
  declare readonly retryAfterSeconds: number | undefined
  /** Finds the refusal in the service's log. */
  declare readonly instance: string | undefined
  /** To be solved before the next try. */
  declare readonly botCheck: BotCheck | undefined

  constructor(message: string, { cause, ...refused }: Refused) {
    super(message, { cause })
    Object.assign(this, { name: "NightlatchError", status: 0 }, refused)
  }
}

/** A refused answer of `fetch` as an error; its body stays readable. */
export async function errorOf(response: Response): Promise<NightlatchError> {
  const { status, headers } = response
  const problem = /^application\/problem\+json *(?:;|$)/i.test(headers.get("content-type") ?? "")
  const said = problem ? await jsonOf(response) : {}
  const text = (name: string) => (typeof said[name] === "string" ? said[name] : undefined)
  const wait = headers.get("retry-after") ?? ""
  return new NightlatchError(text("title") ?? `The answer was ${status}.`, {
    code: text("code") ?? "client.unknown_answer",
    status,
    retryAfterSeconds: /^\d+$/.test(wait) ? Number(wait) : undefined,
    instance: text("instance"),
    botCheck: said.botCheck as BotCheck | undefined,
  })
}

async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  try {
    return Object(await response.clone().json())
  } catch {
    return {}
  }
}

/** @throws TypeError when basePath is no path */
export function createClient({ basePath = "/auth", fetch: given }: ClientOptions = {}): Client {
  if (!basePath.startsWith("/")) throw new TypeError('basePath is a path on this origin, such as "/auth".')
  const base = basePath.replace(/\/+$/, "")
  const name = `nightlatch ${base}`
  const listeners = new Set<(signedIn: boolean) => void>()
  const pending = new Map<boolean, Promise<boolean>>()
  let tail: Promise<unknown> = Promise.resolve()
  let channel: Channel | undefined
  let known: boolean | undefined

  const send = (request: Request) => (given ?? fetch)(request)

  async function ask(path: string, init?: RequestInit): Promise<Response> {
    const url = `${location.origin}${base}/${path}`
    const request = new Request(url, { cache: "no-store", redirect: "error", ...init })
    if (init) request.headers.set(HEADER, "1")
    try {
      return await send(request)
    } catch (cause) {
      throw new NightlatchError("The service cannot be reached.", { code: "client.unreachable", cause })
    }
  }

  /** One at a time in this browser; in this page, where Web Locks are missing or forbidden. */
  async function alone<T>(work: () => Promise<T>): Promise<T> {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks
    let begun = false
    const begin = () => {
      begun = true
      return work()
    }
    if (locks) {
      const signal = AbortSignal.timeout(PATIENCE_MS)
      try {
        return await locks.request(name, { signal }, begin)
      } catch (cause) {
        if (begun) throw cause
        if (signal.aborted) throw new NightlatchError("Another tab is busy.", { code: "client.busy", cause })
      }
    }
    const turn = tail.then(begin)
    tail = turn.catch(() => {})
    return turn
  }

  /** Who is signed in, or the service's own word that nobody is or that a refresh is needed. All else tells nothing. */
  async function read(): Promise<Me | "none" | "stale"> {
    const response = await ask("me")
    const me = response.ok ? await jsonOf(response) : {}
    if (typeof me.userId === "string") return me as unknown as Me
    const error = await errorOf(response)
    if (!saysSignedOut(error)) throw error
    return error.code === "session.refresh_needed" ? "stale" : "none"
  }

  function renew(always: boolean): Promise<boolean> {
    let work = pending.get(always)
    if (!work) {
      work = alone(async () => {
        const before = always ? "stale" : await read()
        if (before !== "stale") return learn(before !== "none")
        // A lost answer comes again to who asks at once; who asks after the grace ends the session.
        const response = await ask("refresh", POST).catch(() => ask("refresh", POST))
        if (response.ok) return learn(true)
        const error = await errorOf(response)
        if (!saysSignedOut(error)) throw error
        // The browser may have a newer cookie than the refused one.
        return learn(typeof (await read()) === "object", true)
      }).finally(() => pending.delete(always))
      pending.set(always, work)
    }
    return work
  }

  function learn(signedIn: boolean, refused = false): boolean {
    if (known === undefined && (signedIn || !refused)) known = signedIn
    if (known !== signedIn) change(signedIn)
    return signedIn
  }

  function change(signedIn: boolean): void {
    tell(signedIn)
    const sender = channel ?? openChannel(name)
    sender?.postMessage(signedIn)
    if (sender !== channel) sender?.close()
  }

  function tell(signedIn: boolean): void {
    known = signedIn
    for (const listener of listeners) queueMicrotask(() => listener(signedIn))
  }

  /** In turn with refreshes: the late answer of one would overwrite newer cookies. */
  async function sign(path: string, init: RequestInit): Promise<void> {
    const response = await alone(() => ask(path, init))
    if (!response.ok) throw await errorOf(response)
    change(path === "login")
  }

  return {
    async fetch(input, init) {
      const asked = new Request(input, init)
      const credentials = asked.credentials === "omit" ? "omit" : "same-origin"
      const request = new Request(asked, { credentials })
      if (new URL(request.url).origin !== location.origin) return send(request)
      const unsafe = !/^(?:GET|HEAD|OPTIONS)$/.test(request.method)
      if (unsafe) request.headers.set(HEADER, "1")
      const again = init?.body instanceof ReadableStream ? undefined : request.clone()
      const response = await send(request)
      if (response.status !== 401) return response
      // A route that does not see the refresh cookie says "none".
      const { code } = await errorOf(response)
      if (code !== "session.refresh_needed" && code !== "session.none") return response
      if (!(await renew(false)) || !again) return response
      // Behind a redirect, the change itself was made.
      return unsafe && response.redirected ? response : send(again)
    },
    refresh: () => renew(true),
    async me() {
      let state = await read()
      if (state === "stale") state = (await renew(false)) ? await read() : "none"
      if (state === "stale") throw new NightlatchError("The access token ended at once.", STALE)
      learn(state !== "none")
      return state === "none" ? undefined : state
    },
    login: ({ email, password, remember, botCheck }) =>
      sign("login", {
        ...POST,
        headers: {
          "content-type": "application/json",
          ...(botCheck && { "x-nightlatch-bot-check": botCheck }),
        },
        body: JSON.stringify({ email, password, remember }),
      }),
    logout: () => sign("logout", POST),
    onChange(listener) {
      const own = (signedIn: boolean) => listener(signedIn)
      listeners.add(own)
      channel ??= openChannel(name, tell)
      return () => {
        if (!listeners.delete(own) || listeners.size > 0) return
        channel?.close()
        channel = undefined
      }
    },
  }
}

const STALE: Refused = { code: "session.refresh_needed", status: 401 }

function saysSignedOut({ status, code }: NightlatchError): boolean {
  return status === 401 && code.startsWith("session.")
}

/** Where it is missing or forbidden, tabs do not hear of each other. */
function openChannel(name: string, hear?: (signedIn: boolean) => void): Channel | undefined {
  try {
    const channel = new BroadcastChannel(name)
    channel.onmessage = ({ data }) => {
      if (typeof data === "boolean") hear?.(data)
    }
    return channel
  } catch {
    return undefined
  }
}
