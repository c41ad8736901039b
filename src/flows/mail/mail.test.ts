/** The way of a mail from a request to a real SMTP server and into a parser that is not ours. */
import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { after, describe, it, type TestContext } from "node:test"
import PostalMime, { type Email } from "postal-mime"
import { SMTPServer, type SMTPServerOptions } from "smtp-server"
import { openStage, PASSWORD, type Stage } from "../../../test/flows/stage.ts"
import type { NightlatchOptions } from "../../index.ts"
import type { Store } from "../../store/store.ts"
import type { OutgoingMail } from "./policy.ts"
import { smtpTransport } from "./smtp.ts"

interface Received {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | undefined
  readonly mail: Email
}

interface Post {
  readonly received: Received[]
  readonly url: string
  /** Waits until so many have arrived. */
  until(count: number): Promise<readonly Received[]>
  close(): Promise<void>
}

async function openPost(options: SMTPServerOptions = {}, port = 0): Promise<Post> {
  const received: Received[] = []
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth: (auth, _session, done) => done(null, { user: auth.username ?? "" }),
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () => {
        void PostalMime.parse(Buffer.concat(chunks)).then((mail) => {
          const { mailFrom, rcptTo } = session.envelope
          received.push({
            from: mailFrom === false ? "" : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            user: session.user === undefined ? undefined : String(session.user),
            mail,
          })
          done()
        })
      })
    },
    ...options,
  })
  server.listen(port, "127.0.0.1")
  await once(server.server, "listening")
  return {
    received,
    url: `smtp://mailer:canary%20word@127.0.0.1:${(server.server.address() as AddressInfo).port}`,
    async until(count) {
      await until(() => received.length >= count, `mail ${count}`)
      return received
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

const FROM = "accounts@example.com"
const linkOf = (mail: Email) => /https?:\/\/\S+#token=[\w-]+/.exec(mail.text ?? "")?.[0] ?? ""

async function openWith(t: TestContext, options: Partial<NightlatchOptions>): Promise<Stage> {
  const stage = await openStage(options)
  t.after(() => stage.close())
  return stage
}

/** A stage that tells when a failed attempt is written down: only then does the time until the next one run. */
async function openFailing(
  t: TestContext,
  options: Partial<NightlatchOptions>,
): Promise<{ stage: Stage; store: Store; failed: (count: number) => Promise<void> }> {
  let failures = 0
  let store: Store | undefined
  const stage = await openStage(options, (opened) => {
    store = {
      ...opened,
      async retryMail(input) {
        await opened.retryMail(input)
        failures++
      },
    }
    return store
  })
  t.after(() => stage.close())
  assert.ok(store !== undefined)
  return { stage, store, failed: (count) => until(() => failures >= count, `${count} failed attempts`) }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const patience = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > patience) throw new Error(`${what} did not come`)
    await new Promise((later) => setTimeout(later, 10))
  }
}

describe("mail by SMTP", () => {
  it("goes to the one address, with a link in text and page, and the link works", async (t) => {
    const post = await openPost()
    t.after(() => post.close())
    const stage = await openWith(t, { mail: { smtpUrl: post.url, from: FROM } })
    assert.equal(stage.latch.inbox, undefined)
    await stage.ask("/auth/register", { json: { email: "Someone@Example.com" } })
    const [first] = await post.until(1)
    assert.ok(first !== undefined)
    assert.deepEqual([first.from, first.to, first.user], [FROM, ["someone@example.com"], "mailer"])
    assert.deepEqual(
      first.mail.to?.map(({ address }) => address),
      ["someone@example.com"],
    )
    assert.equal(first.mail.from?.address, FROM)
    const link = linkOf(first.mail)
    assert.ok(link.startsWith(`${stage.base}/auth/register#token=`))
    assert.ok(first.mail.html?.includes(`href="${link}"`))
    assert.doesNotMatch(first.mail.html ?? "", /<script|<img|src=/)
    const token = link.split("#token=")[1]
    const done = await stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
    assert.equal(done.status, 201)
  })

  it("tells the owner, not the asker, that an address is taken, and nobody when it is unknown", async (t) => {
    const post = await openPost()
    t.after(() => post.close())
    const stage = await openWith(t, { mail: { smtpUrl: post.url, from: FROM } })
    await stage.ask("/auth/register", { json: { email: "someone@example.com" } })
    const [first] = await post.until(1)
    const token = linkOf(first?.mail as Email).split("=")[1]
    await stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
    await stage.ask("/auth/register", { json: { email: "someone@example.com" } })
    await stage.ask("/auth/password/forgot", { json: { email: "nobody@example.com" } })
    await stage.ask("/auth/password/forgot", { json: { email: "someone@example.com" } })
    const mails = await post.until(3)
    await stage.latch.close()
    assert.deepEqual(
      mails.map(({ to, mail }) => [to[0], mail.subject?.split(" at ")[0], linkOf(mail) !== ""]),
      [
        ["someone@example.com", "Finish creating your account", true],
        ["someone@example.com", "You already have an account", false],
        ["someone@example.com", "Reset your password", true],
      ],
    )
  })

  it("sends three an hour to one address and says nothing about the fourth", async (t) => {
    const sent: OutgoingMail[] = []
    const sendMail = async (mail: OutgoingMail) => void sent.push(mail)
    const stage = await openWith(t, { mail: { sendMail } })
    const answers: string[] = []
    for (let count = 0; count < 6; count++) {
      const answer = await stage.ask("/auth/register", { json: { email: "flooded@example.com" } })
      answers.push(`${answer.status} ${answer.text}`)
    }
    await stage.ask("/auth/register", { json: { email: "other@example.com" } })
    await until(() => sent.some(({ to }) => to === "other@example.com"), "the other mail")
    assert.equal(sent.filter(({ to }) => to === "flooded@example.com").length, 3)
    assert.equal(new Set(answers).size, 1)
    assert.match(answers[0] ?? "", /^202 /)
  })

  it("keeps a mail when the server is down and sends it when it is back; the answer does not wait", async (t) => {
    const first = await openPost()
    const { url } = first
    const port = Number(new URL(url).port)
    await first.close()
    const { stage, failed } = await openFailing(t, { mail: { smtpUrl: url, from: FROM } })
    const began = performance.now()
    assert.equal((await stage.ask("/auth/register", { json: { email: "late@example.com" } })).status, 202)
    assert.ok(performance.now() - began < 2_000)
    await failed(1)
    const line = stage.logged.find((each) => each.startsWith("mail failed")) ?? ""
    assert.match(line, new RegExp(`SMTP server 127\\.0\\.0\\.1:${port} failed: ECONNREFUSED`))
    assert.match(line, /"againInSeconds":10\b/)
    assert.doesNotMatch(line, /canary|late@example|token/)
    const second = await openPost({}, port)
    t.after(() => second.close())
    await stage.tick(11_000)
    await stage.ask("/auth/password/forgot", { json: { email: "waker@example.com" } })
    const [mail] = await second.until(1)
    const token = linkOf(mail?.mail as Email).split("=")[1]
    const done = await stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
    assert.equal(done.status, 201)
  })

  it("gives up after five attempts and writes that down", async (t) => {
    let attempts = 0
    const others: string[] = []
    const sendMail = async ({ to }: OutgoingMail) => {
      if (to !== "full@example.com") return void others.push(to)
      attempts++
      throw new Error("550 the mailbox of someone is full\r\nand more")
    }
    const { stage, store, failed } = await openFailing(t, { mail: { sendMail } })
    await stage.ask("/auth/register", { json: { email: "full@example.com" } })
    for (let round = 1; round <= 6; round++) {
      await failed(Math.min(round, 5))
      assert.equal(attempts, Math.min(round, 5))
      await stage.tick(31 * 60_000)
      // Wakes the sender, which otherwise looks every 5 s.
      await stage.ask("/auth/register", { json: { email: `other${round}@example.com` } })
    }
    // Whatever was due has been claimed by the time this one has arrived.
    await until(() => others.includes("other6@example.com"), "the last wake")
    assert.equal(attempts, 5)
    const events = await store.listEvents({ limit: 50 })
    assert.ok(events.some(({ type }) => type === "mail.failed"))
    assert.ok(stage.logged.every((each) => !/[\r\n]/.test(each)))
  })

  it("speaks TLS to a server of others, or does not send", async (t) => {
    const post = await openPost()
    t.after(() => post.close())
    const { port } = new URL(post.url)
    // 127.0.0.1 by a name that is not a loopback name: the plain server offers no STARTTLS, so nothing may be sent.
    const send = smtpTransport(`smtp://mailer:canary@[::ffff:127.0.0.1]:${port}`, FROM)
    const mail = { to: "someone@example.com", subject: "x", text: "x", html: "x" }
    await assert.rejects(send(mail), (error: Error) => {
      assert.match(error.message, /^SMTP server \S+:\d+ failed: E\w+/)
      assert.doesNotMatch(error.message, /canary/)
      return true
    })
    assert.equal(post.received.length, 0)
    const secure = smtpTransport(`smtps://mailer:canary@127.0.0.1:${port}`, FROM)
    await assert.rejects(secure(mail), /^Error: SMTP server 127\.0\.0\.1:\d+ failed/)
  })
})

describe("the outbox", () => {
  const folder = mkdtempSync(join(tmpdir(), "nightlatch-outbox-"))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it("never holds a token, not even while a mail waits, and nothing of a mail that was sent", async (t) => {
    const path = join(folder, "data", "nightlatch.db")
    const sent: OutgoingMail[] = []
    let down = true
    const sendMail = async (mail: OutgoingMail) => {
      sent.push(mail)
      if (down) throw new Error("down")
    }
    const { stage, failed } = await openFailing(t, { database: path, mail: { sendMail } })
    await stage.ask("/auth/register", { json: { email: "waiting@example.com" } })
    await failed(1)
    const tokens = () => sent.map(({ text }) => /#token=([\w-]+)/.exec(text)?.[1] ?? "")
    const search = () => {
      const bytes = Buffer.concat([path, `${path}-wal`].map((file) => readFileSync(file)))
      for (const token of tokens()) {
        assert.equal(token.length, 43)
        assert.ok(!bytes.includes(token))
        assert.ok(!bytes.includes(Buffer.from(token, "base64url")))
      }
    }
    search()
    down = false
    await stage.tick(11_000)
    await stage.ask("/auth/password/forgot", { json: { email: "waker@example.com" } })
    await until(() => sent.length === 2, "the second attempt")
    // Of two attempts the second's link is the one that works: the first may have been lost or not.
    const [old, token] = tokens()
    search()
    const tried = await stage.ask("/auth/register/complete", { json: { token: old, password: PASSWORD } })
    assert.equal(tried.status, 400)
    const done = await stage.ask("/auth/register/complete", { json: { token, password: PASSWORD } })
    assert.equal(done.status, 201)
    await stage.latch.close()
    const raw = new DatabaseSync(path, { readOnly: true })
    t.after(() => raw.close())
    const rows = raw.prepare("SELECT * FROM outbox").all()
    assert.ok(rows.every((row) => Object.values(row).every((value) => value !== PASSWORD)))
  })
})
