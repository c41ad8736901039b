import assert from "node:assert/strict"
import { join } from "node:path"
import {
  type Answer,
  ask,
  command,
  cookiesOf,
  freePort,
  openFolder,
  type Ran,
  type Running,
  serve,
} from "./process.ts"

export const OLD = "seven copper lanterns drift"
export const NEW = "eight marble rivers climbing"
export const DATABASE = "data/nightlatch.db"

export interface Operated {
  readonly folder: string
  remove(): void
  path(name: string): string
  /** One command, in words between blanks. */
  run(line: string, input?: string, environment?: Readonly<Record<string, string>>): Promise<Ran>
  start(environment?: Readonly<Record<string, string>>): Promise<void>
  stop(): Promise<void>
  create(name: string, ...more: string[]): Promise<void>
  post(path: string, cookie: string, json?: object): Promise<Answer>
  login(name: string, password?: string): Promise<Answer>
  me(cookie: string): Promise<Answer>
  refresh(cookie: string): Promise<Answer>
  /** The live checklist as JSON. */
  page(): Promise<Answer>
  signal(signal: NodeJS.Signals): void
  origin(): string
  port(): number
  /** What it wrote since its last start. */
  output(): string
  changePassword(cookie: string): Promise<Answer>
  /** @returns its cookies */
  signIn(name: string, password?: string): Promise<string>
  /** One JSON object a line. */
  events(): Promise<string>
}

/** A folder with a service that can be stopped and started. */
export function openService(words: readonly string[] = []): Operated {
  const folder = openFolder()
  let service: Running | undefined
  // The names of cookies on a loopback origin end in the port: a restart keeps it.
  let kept: number | undefined
  const port = () => kept ?? 0
  const post = (path: string, cookie: string, json: object = {}) =>
    ask(port(), path, { json, headers: cookie === "" ? {} : { cookie } })
  return {
    folder: folder.path,
    remove: folder.remove,
    path: (name) => join(folder.path, name),
    run: (line, input = "", environment = {}) => command(folder.path, line.split(" "), input, environment),
    async start(environment = {}) {
      kept ??= await freePort()
      service = await serve(folder.path, [...words, "--port", String(kept)], environment)
    },
    async stop() {
      await service?.stop("SIGTERM")
      service = undefined
    },
    async create(name, ...more) {
      const email = `${name}@example.com`
      const made = await command(
        folder.path,
        ["user", "create", email, "--password-stdin", ...more],
        `${OLD}\n`,
      )
      assert.equal(made.code, 0, made.error)
    },
    post,
    login: (name, password = OLD) =>
      ask(port(), "/auth/login", { json: { email: `${name}@example.com`, password } }),
    me: (cookie) => ask(port(), "/auth/me", { headers: { cookie } }),
    page: () => ask(port(), "/", { headers: { accept: "application/json" } }),
    signal: (signal) => void service?.child.kill(signal),
    port,
    origin: () => `http://localhost:${port()}`,
    output: () => service?.output.text ?? "",
    refresh: (cookie) => post("/auth/refresh", cookie),
    changePassword: (cookie) =>
      post("/auth/password/change", cookie, { currentPassword: OLD, newPassword: NEW }),
    async signIn(name, password = OLD) {
      const answer = await this.login(name, password)
      assert.equal(answer.status, 200, answer.text)
      return cookiesOf(answer)
    },
    async events() {
      return (await command(folder.path, ["events", "--json", "--limit", "500"])).out
    },
  }
}

export const codeOf = ({ text }: Answer): unknown => JSON.parse(text).code
