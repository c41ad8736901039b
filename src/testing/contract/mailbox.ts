import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { NewMailFlow, NewSession } from "../../store/store.ts"
import {
  bytes,
  type Fixture,
  HOUR,
  LIMITED,
  MINUTE,
  mailTo,
  newAddress,
  newId,
  newSession,
} from "./fixture.ts"
import { type Ask, ask, FLOW_LIMITS } from "./mail-flows.ts"

const FAILED = { type: "email_link.failed", addressPrefix: "192.0.2.0/24" } as const

export function mailbox(fixture: Fixture): void {
  const { account, signedIn, eventsOf } = fixture

  /** What the sender does: claims the mail of a flow and gives it its link and code. */
  async function send(flow: NewMailFlow) {
    const mails = await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
    const mail = mails.find(({ flowId }) => flowId === flow.id)
    if (mail === undefined) return undefined
    const secrets = { tokenHash: bytes(), codeMac: bytes() }
    const { issued } = await fixture.store.issueFlow({ mailId: mail.id, ...secrets })
    await fixture.store.finishMail(mail.id)
    return { mail, issued, ...secrets }
  }

  async function sent(input: Ask) {
    const flow = await ask(fixture, input)
    const secrets = await send(flow)
    assert.ok(secrets?.issued)
    return { flow, ...secrets }
  }

  const complete = (
    flow: Pick<NewMailFlow, "id" | "secretHash">,
    proof: { tokenHash: Uint8Array } | { codeMacs: Uint8Array[] },
    session: NewSession = newSession(),
    replaces?: string,
  ) =>
    fixture.store.completeEmailLink({
      flow: { flowId: flow.id, secretHash: flow.secretHash },
      proof,
      newAccountId: newId(),
      session,
      ...(replaces === undefined ? {} : { replaces }),
      events: (accountId, created) => [{ type: created ? "account.created" : "session.started", accountId }],
      failedEvent: FAILED,
    })

  describe("proof of a mailbox", () => {
    it("tells the sender who asked, and keeps hashes alone", async () => {
      const flow = await ask(fixture, { email: newAddress() })
      const found = await send(flow)
      assert.deepEqual(found?.mail.flow, {
        ...found?.mail.flow,
        id: flow.id,
        client: "Firefox on Linux",
        addressPrefix: "192.0.2.0/24",
        createdAt: fixture.now,
      })
    })
    it("is found by its browser and by its link, until it ends", async () => {
      const { flow, tokenHash } = await sent({ email: newAddress() })
      const key = { flowId: flow.id, secretHash: flow.secretHash }
      assert.equal((await fixture.store.findMailFlow(key))?.triesLeft, 3)
      assert.equal(await fixture.store.findMailFlow({ ...key, secretHash: bytes() }), undefined)
      assert.equal((await fixture.store.findMailFlowByToken(tokenHash))?.id, flow.id)
      assert.equal(await fixture.store.findMailFlowByToken(bytes()), undefined)
      fixture.now += 10 * MINUTE
      assert.equal(await fixture.store.findMailFlow(key), undefined)
      assert.equal(await fixture.store.findMailFlowByToken(tokenHash), undefined)
      assert.equal((await complete(flow, { tokenHash })).kind, "refused")
    })
    for (const by of ["link", "code"] as const) {
      it(`signs in by the ${by}, once of many at the same time, with remember-me as it was asked`, async () => {
        const owner = await account()
        const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
        const proof = by === "link" ? { tokenHash } : { codeMacs: [bytes(), codeMac] }
        const results = await Promise.all(Array.from({ length: 8 }, () => complete(flow, proof)))
        const started = results.filter(({ kind }) => kind === "started")
        assert.equal(started.length, 1)
        assert.ok(started[0]?.kind === "started" && !started[0].created)
        assert.equal(started[0].account.id, owner.id)
        assert.equal(started[0].session.persistent, false)
        assert.equal((await fixture.store.listSessions(owner.id)).length, 1)
      })
      it(`is nothing without the browser that asked: ${by}`, async () => {
        const owner = await account()
        const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
        const other = await ask(fixture, { email: owner.email, accountId: owner.id })
        const proof = by === "link" ? { tokenHash } : { codeMacs: [codeMac] }
        for (const key of [
          other,
          { id: flow.id, secretHash: bytes() },
          { id: newId(), secretHash: flow.secretHash },
        ])
          assert.equal((await complete(key, proof)).kind, "refused")
        assert.deepEqual(await fixture.store.listSessions(owner.id), [])
        assert.equal((await complete(flow, proof)).kind, "started")
      })
    }
    it("has three tries of a code, the right one no longer after them, nor the link", async () => {
      const owner = await account()
      const { flow, tokenHash, codeMac } = await sent({ email: owner.email, accountId: owner.id })
      const left: number[] = []
      for (let time = 0; time < 3; time++) {
        const result = await complete(flow, { codeMacs: [bytes()] })
        assert.ok(result.kind === "refused")
        left.push(result.triesLeft)
      }
      assert.deepEqual(left, [2, 1, 0])
      assert.equal((await complete(flow, { codeMacs: [codeMac] })).kind, "refused")
      assert.equal((await complete(flow, { tokenHash })).kind, "refused")
      const failed = (await fixture.store.listEvents({ limit: 100 })).find(
        ({ type }) => type === "email_link.failed",
      )
      assert.ok((failed?.count ?? 0) >= 3)
    })
    it("makes the account of an unknown address, and completes an invitation", async () => {
      const email = newAddress()
      const unknown = await sent({ email })
      const made = await complete(unknown.flow, { tokenHash: unknown.tokenHash })
      assert.ok(made.kind === "started" && made.created && made.account.verifiedAt === fixture.now)
      assert.equal(made.account.passwordHash, null)
      assert.deepEqual(await eventsOf(made.account.id), ["account.created"])
      const invited = await account({ password: null })
      const { flow, tokenHash } = await sent({ email: invited.email, accountId: invited.id })
      const accepted = await complete(flow, { tokenHash })
      assert.ok(accepted.kind === "started" && accepted.account.verifiedAt === fixture.now)
    })
    it("gives a decoy neither link nor code", async () => {
      const flow = await ask(fixture, { email: newAddress(), decoy: true })
      assert.equal(await send(flow), undefined)
      assert.equal((await complete(flow, { codeMacs: [bytes()] })).kind, "refused")
    })
    it("does not sign in to whoever has the address now, when it was another who asked", async () => {
      for (const taken of [true, false]) {
        const [owner, other] = [await account(), await account()]
        const email = taken ? other.email : newAddress()
        const { flow, tokenHash } = await sent({ email, accountId: owner.id })
        assert.equal((await complete(flow, { tokenHash })).kind, "refused")
        assert.deepEqual(await fixture.store.listSessions(other.id), [])
        assert.equal((await fixture.store.findAccountByEmail(email))?.id, taken ? other.id : undefined)
      }
    })
    it("does not sign in to an account that was disabled or deleted meanwhile", async () => {
      for (const end of ["disable", "delete"] as const) {
        const owner = await account()
        const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
        const events = [{ type: "account.disabled", accountId: owner.id }] as const
        if (end === "disable")
          await fixture.store.setDisabled({ accountId: owner.id, disabled: true, events })
        else await fixture.store.deleteAccount({ accountId: owner.id, events })
        assert.equal((await complete(flow, { tokenHash })).kind, "refused", end)
        assert.equal((await fixture.store.findAccountByEmail(owner.email)) === undefined, end === "delete")
      }
    })
    it("ends the session that it replaces", async () => {
      const owner = await account()
      const { session: old } = await signedIn(newSession(), owner)
      const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
      const session = newSession()
      assert.equal((await complete(flow, { tokenHash }, session, old.id)).kind, "started")
      assert.deepEqual(
        (await fixture.store.listSessions(owner.id)).map(({ id }) => id),
        [session.id],
      )
    })
    it("is disowned by its link, once", async () => {
      const owner = await account()
      const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
      const events = () => [{ type: "email_link.denied", accountId: owner.id } as const]
      assert.deepEqual(await fixture.store.denyMailFlow({ tokenHash, events }), { denied: true })
      assert.deepEqual(await fixture.store.denyMailFlow({ tokenHash, events }), { denied: false })
      assert.equal((await complete(flow, { tokenHash })).kind, "refused")
      assert.deepEqual(await eventsOf(owner.id), ["email_link.denied"])
    })
    it("ends with everything else that is outstanding", async () => {
      const owner = await account()
      const { flow, tokenHash } = await sent({ email: owner.email, accountId: owner.id })
      const waiting = await ask(fixture, { email: owner.email, accountId: owner.id })
      await fixture.store.revokeSessions({ accountId: owner.id, reason: "user", events: [] })
      assert.equal((await complete(flow, { tokenHash })).kind, "refused")
      assert.equal(await send(waiting), undefined)
    })
    it("is not given a link when it ended before the mail went out", async () => {
      const flow = await ask(fixture, { email: newAddress() })
      fixture.now += 10 * MINUTE
      const mails = await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
      const mail = mails.find(({ flowId }) => flowId === flow.id)
      assert.ok(mail !== undefined && mail.flow === undefined)
      const secrets = { tokenHash: bytes(), codeMac: bytes() }
      assert.deepEqual(await fixture.store.issueFlow({ mailId: mail.id, ...secrets }), { issued: false })
    })
    it("counts strangers and known browsers apart, and neither against other mails", async () => {
      const owner = await account()
      const input = { email: owner.email, accountId: owner.id }
      for (let time = 0; time < 5; time++) assert.ok(await send(await ask(fixture, input)))
      assert.equal(await send(await ask(fixture, input)), undefined)
      assert.ok(await send(await ask(fixture, { ...input, budget: "link-device" })))
      const reset = mailTo(owner.email, { purpose: "reset", accountId: owner.id })
      await fixture.store.enqueueMail({ ...reset, limits: FLOW_LIMITS, limitedEvent: LIMITED })
      const claimed = await fixture.store.claimMail({ limit: 100, leaseMs: HOUR })
      assert.ok(claimed.some(({ purpose, email }) => purpose === "reset" && email === owner.email))
      fixture.now += HOUR + 1
      assert.ok(await send(await ask(fixture, input)))
    })
  })
}
