import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Faults } from "../core/misuse.ts"
import { contrast } from "./contrast.ts"
import { readPages } from "./options.ts"

const from = { origin: new URL("https://id.example.com"), basePath: "/auth", loopback: false }

function read(input: unknown, more: Partial<typeof from> = {}) {
  const faults = new Faults()
  return { policy: readPages(input, { ...from, ...more }, faults), faults: faults.list }
}

describe("the options of the pages", () => {
  it("have defaults that show every page of ours", () => {
    const { policy, faults } = read(undefined)
    assert.deepEqual(faults, [])
    assert.equal(policy.name, "id.example.com")
    assert.equal(policy.afterSignIn, "/auth/settings")
    assert.deepEqual(policy.paths, {
      signIn: "/auth/sign-in",
      register: "/auth/register",
      reset: "/auth/reset",
      account: "/auth/settings",
    })
    assert.equal(policy.ours.size, 4)
    assert.equal(policy.diagnosis, false)
    assert.equal(read(undefined, { loopback: true }).policy.diagnosis, true)
  })

  it("replace a page, or switch it off", () => {
    const { policy, faults } = read({ signIn: "/hello", account: "off", afterSignIn: "/home" })
    assert.deepEqual(faults, [])
    assert.deepEqual(
      [policy.paths.signIn, policy.paths.account, policy.afterSignIn],
      ["/hello", undefined, "/home"],
    )
    assert.deepEqual([...policy.ours], ["register", "reset"])
    assert.equal(read({ account: "off" }).policy.afterSignIn, "/")
    assert.equal(read({ account: "/me" }).policy.afterSignIn, "/me")
  })

  const WRONG: readonly (readonly [object, string, string])[] = [
    [{ signin: "/x" }, "pages.signin", "option.unknown"],
    [{ signIn: "https://evil.example" }, "pages.signIn", "pages.path"],
    [{ signIn: "//evil.example" }, "pages.signIn", "pages.path"],
    [{ register: "/auth/elsewhere" }, "pages.register", "pages.path"],
    [{ afterSignIn: "home" }, "pages.afterSignIn", "pages.path"],
    [{ logoUrl: "https://cdn.example/logo.svg" }, "pages.logoUrl", "pages.path"],
    [{ accent: "red" }, "pages.accent", "pages.accent"],
    [{ accent: "#ffcc00" }, "pages.accent", "pages.accent"],
    [{ returnOrigins: ["*"] }, "pages.returnOrigins.0", "pages.return_origin"],
    [{ returnOrigins: ["http://app.example.com"] }, "pages.returnOrigins.0", "pages.return_origin"],
    [{ returnOrigins: ["http://localhost:3000"] }, "pages.returnOrigins.0", "pages.return_origin"],
    [{ returnOrigins: ["https://app.example.com/"] }, "pages.returnOrigins.0", "pages.return_origin"],
    [{ name: "" }, "pages.name", "option.invalid"],
    [{ diagnosis: "yes" }, "pages.diagnosis", "option.invalid"],
  ]
  for (const [input, path, code] of WRONG) {
    it(`refuse ${JSON.stringify(input)}`, () => {
      const { faults } = read(input)
      assert.ok(
        faults.some((fault) => fault.path === path && fault.code === code && fault.fix !== ""),
        JSON.stringify(faults),
      )
    })
  }

  it("take a dark colour and http between loopback origins", () => {
    assert.equal(read({ accent: "#2B4A8B" }).policy.accent, "#2B4A8B")
    assert.deepEqual(read({ returnOrigins: ["http://localhost:5173"] }, { loopback: true }).faults, [])
  })

  it("measure contrast as WCAG does", () => {
    assert.equal(contrast("#ffffff", "#000000"), 21)
    assert.equal(contrast("#777777", "#ffffff").toFixed(2), "4.48")
    assert.equal(contrast("#ffffff", "#ffffff"), 1)
  })
})
