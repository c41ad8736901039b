import assert from "node:assert/strict"
import { test } from "node:test"
import { checkArguments, findCommand, valuesOf } from "../../src/cli/arguments.ts"
import { command } from "../../src/cli/command.ts"
import { withOwnCommand } from "../../src/cli/command-line.ts"
import { CommandError, painter, printable } from "../../src/cli/output.ts"
import { startScreen } from "../../src/cli/start-screen.ts"
import { usageOf } from "../../src/cli/usage.ts"

const create = command({
  args: {
    email: { type: "positional", required: true },
    "password-stdin": { type: "boolean" },
    role: { type: "string" },
  },
  run() {},
})
const root = command({
  subCommands: {
    user: () => Promise.resolve(command({ subCommands: { create } })),
    serve: command({ run() {} }),
  },
})

const FOUND: readonly (readonly [readonly string[], readonly string[], readonly string[]])[] = [
  [[], [], []],
  [["--help"], [], ["--help"]],
  [["serve", "--port", "1"], ["serve"], ["--port", "1"]],
  [["user", "create", "a@b.example"], ["user", "create"], ["a@b.example"]],
  [["user", "--help"], ["user"], ["--help"]],
]

for (const [words, path, rest] of FOUND) {
  test(`"${words.join(" ")}" is the command "${path.join(" ")}"`, async () => {
    const found = await findCommand(root, words)
    assert.deepEqual([found.path, found.rest], [path, rest])
  })
}

const UNKNOWN: readonly (readonly [readonly string[], RegExp])[] = [
  [["serv"], /there is no command "serv"\. Did you mean "serve"\?/],
  [["user", "crate"], /no command "user crate"\. Did you mean "create"\?/],
  [["frobnicate"], /Commands: user, serve/],
  [["constructor"], /no command "constructor"/],
  [["__proto__"], /no command "__proto__"/],
]

for (const [words, message] of UNKNOWN) {
  test(`"${words.join(" ")}" is misuse with a hint`, async () => {
    await assert.rejects(findCommand(root, words), (error) => {
      assert.ok(error instanceof CommandError)
      assert.equal(error.exitCode, 2)
      assert.match(error.message, message)
      return true
    })
  })
}

const ARGUMENTS: readonly (readonly [string, RegExp | undefined])[] = [
  ["a@b.example", undefined],
  ["a@b.example --password-stdin --role admin --role=editor", undefined],
  ["--role admin a@b.example", undefined],
  ["", /EMAIL is missing/],
  ["--password-stdin", /EMAIL is missing/],
  ["a@b.example c", /a word too many/],
  ["a@b.example --rol admin", /no option "--rol" here\. Did you mean "--role"\?/],
  ["a@b.example --password-stdn", /Did you mean "--password-stdin"\?/],
  ["a@b.example --password=hunter2", /no option "--password" here/],
  ["a@b.example -r admin", /no option "-r"/],
  ["a@b.example --role", /--role takes a value/],
  ["a@b.example --role=", /--role takes a value/],
  ["a@b.example --role --password-stdin", /--role takes a value/],
  ["a@b.example --password-stdin=no", /takes no value/],
  ["a@b.example --no-password-stdin", /no option/],
  ["-- a@b.example", /-- is not used/],
]

for (const [line, message] of ARGUMENTS) {
  test(`user create ${line}: ${message === undefined ? "fine" : message.source}`, async () => {
    const check = checkArguments(create, line === "" ? [] : line.split(" "))
    if (message === undefined) await check
    else await assert.rejects(check, { name: "CommandError", exitCode: 2, message })
  })
}

test("a password that was put on the command line by mistake is not repeated", async () => {
  await assert.rejects(checkArguments(create, ["a@b.example", "--pass=hunter2"]), (error: Error) => {
    assert.ok(!error.message.includes("hunter2"))
    return true
  })
  await assert.rejects(checkArguments(create, ["a@b.example", "hunter2"]), (error: Error) => {
    assert.ok(!error.message.includes("hunter2"))
    return true
  })
})

test("an option that comes several times gives all its values", () => {
  assert.deepEqual(valuesOf(["a", "--role", "x", "--role=y", "--other", "z"], "role"), ["x", "y"])
})

test("a fix names our command as it is run from here", () => {
  assert.equal(
    withOwnCommand("Make one with: nightlatch secret"),
    "Make one with: npm run -s nightlatch -- secret",
  )
  assert.equal(withOwnCommand("nightlatch.config.ts"), "nightlatch.config.ts")
})

test("help stands in columns from the left, without blanks at the ends", async () => {
  const described = command({
    meta: { description: "Make an account" },
    args: {
      email: { type: "positional", required: true, description: "Its address" },
      "password-stdin": { type: "boolean", description: "Read it" },
      limit: { type: "string", valueHint: "number", default: "50", description: "How many" },
    },
    run() {},
  })
  assert.equal(
    await usageOf(described, ["user", "create"], (_, text) => text),
    [
      "Make an account",
      "",
      "USAGE",
      "  nightlatch user create EMAIL [options]",
      "",
      "ARGUMENTS",
      "  EMAIL             Its address",
      "",
      "OPTIONS",
      "  --password-stdin  Read it",
      "  --limit <number>  How many (50)",
    ].join("\n"),
  )
  const above = command({
    subCommands: { create: () => Promise.resolve(described), x: command({ run() {} }) },
  })
  const text = await usageOf(above, ["user"], (_, word) => word)
  assert.match(text, /^ {2}create {2}Make an account$/m)
  assert.match(text, /^ {2}x$/m)
  assert.match(text, /nightlatch user <command>/)
})

test("colours only for a terminal that wants them", () => {
  assert.equal(painter({ isTTY: true }, {})("bold", "x"), "\u001b[1mx\u001b[0m")
  for (const [stream, environment] of [
    [{ isTTY: false }, {}],
    [{}, {}],
    [{ isTTY: true }, { NO_COLOR: "1" }],
    [{ isTTY: true }, { TERM: "dumb" }],
  ] as const) {
    assert.equal(painter(stream, environment)("bold", "x"), "x")
  }
})

test("what came from elsewhere moves no cursor", () =>
  assert.equal(printable("a\u001b[2Jb\nc"), "a\ufffd[2Jb\ufffdc"))

test("the start screen names where to look and what does not hold", () => {
  const base = {
    version: "0.1.0",
    origin: "http://localhost:3000",
    redirectAddress: undefined,
    address: { host: "::1", port: 3000 },
    database: "data/nightlatch.db",
    jwksPath: "/.well-known/jwks.json",
    inbox: "http://localhost:3000/auth/dev/inbox?key=k",
    open: true,
    operatorToken: false,
    notes: ["Wrote a new secret."],
    lines: [
      { line: { title: "CORS" }, state: { state: "holds", why: "" } },
      {
        line: { title: "The database" },
        state: { state: "fails", why: "Others read it.", fix: "chmod 600 x" },
      },
      { line: { title: "Refresh" }, state: { state: "weakened", why: "Because." } },
    ],
  }
  const text = startScreen(base, (_, word) => word)
  assert.match(text, /1 of 3 lines/)
  assert.match(text, /Checklist +http:\/\/localhost:3000\/\n/)
  assert.match(text, /inbox\?key=k/)
  assert.match(text, /Listening +on ::1, port 3000/)
  assert.match(text, /fails +The database: Others read it\.\n +→ chmod 600 x/)
  assert.match(text, /weakened +Refresh: Because\./)
  assert.match(text, /note +Wrote a new secret\./)
  const closed = startScreen({ ...base, inbox: undefined, open: false }, (_, word) => word)
  assert.doesNotMatch(closed, /Inbox/)
  assert.match(closed, /NIGHTLATCH_OPERATOR_TOKEN/)
})
