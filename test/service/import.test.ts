/** Files of accounts as hostile as they come: cut into pieces anywhere, broken anywhere, and every row judged alone. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { Faults } from "../../src/core/misuse.ts"
import { type CsvRecord, readCsv } from "../../src/service/import/csv.ts"
import { importFile, type RowSettings, readFirebaseParameters } from "../../src/service/import/index.ts"
import { type JsonPiece, readJsonArray, readJsonLines } from "../../src/service/import/json.ts"
import { decode } from "../../src/service/import/records.ts"
import { readRow } from "../../src/service/import/row.ts"
import { openSqlite } from "../../src/store/sqlite/index.ts"

const LONG = process.env.NIGHTLATCH_TEST_SCALE === "long"
const numRuns = LONG ? 20_000 : 500
const NOW = Date.UTC(2026, 0, 1)

async function* pieces(text: string, cuts: readonly number[] = []): AsyncGenerator<string> {
  let from = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    yield text.slice(from, Math.max(from, cut % (text.length + 1)))
    from = Math.max(from, cut % (text.length + 1))
  }
  yield text.slice(from)
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

const csv = (text: string, cuts?: readonly number[]): Promise<CsvRecord[]> => all(readCsv(pieces(text, cuts)))
const array = (text: string, cuts?: readonly number[]): Promise<JsonPiece[]> =>
  all(readJsonArray(pieces(text, cuts)))
const lines = (text: string, cuts?: readonly number[]): Promise<JsonPiece[]> =>
  all(readJsonLines(pieces(text, cuts)))

const cuts = fc.array(fc.nat(400), { maxLength: 6 })

describe("CSV", () => {
  const table: readonly (readonly [
    string,
    readonly (readonly [line: number, fields: string[] | RegExp])[],
  ])[] = [
    ["", []],
    ["\n\r\n\n", []],
    [
      "a,b\n1,2",
      [
        [1, ["a", "b"]],
        [2, ["1", "2"]],
      ],
    ],
    [
      "a,b\r\n1,2\r\n",
      [
        [1, ["a", "b"]],
        [2, ["1", "2"]],
      ],
    ],
    [
      ',\n"",\n',
      [
        [1, ["", ""]],
        [2, ["", ""]],
      ],
    ],
    [
      '"a,""b""\nc",d\ne\n',
      [
        [1, ['a,"b"\nc', "d"]],
        [3, ["e"]],
      ],
    ],
    [" a , b \n", [[1, [" a ", " b "]]]],
    [
      'a"b\nc\n',
      [
        [1, /inside a field/],
        [2, ["c"]],
      ],
    ],
    [
      '"a"b\nc\n',
      [
        [1, /behind a closed quote/],
        [2, ["c"]],
      ],
    ],
    [
      "a\rb\nc\n",
      [
        [1, /carriage return/],
        [2, ["c"]],
      ],
    ],
    [
      'x\n"a\nb',
      [
        [1, ["x"]],
        [2, /not closed/],
      ],
    ],
    [
      `x\n"${"a".repeat(20_000)}\nb\n`,
      [
        [1, ["x"]],
        [2, /more than 16384/],
        [3, ["b"]],
      ],
    ],
    [
      `${"a".repeat(16_384)}\nb\n`,
      [
        [1, /more than/],
        [2, ["b"]],
      ],
    ],
    ["=cmd|' /C calc'!A0\n", [[1, ["=cmd|' /C calc'!A0"]]]],
  ]
  for (const [text, expected] of table) {
    it(`reads ${JSON.stringify(text.slice(0, 40))}`, async () => {
      const found = await csv(text)
      assert.equal(found.length, expected.length, JSON.stringify(found).slice(0, 300))
      for (const [index, [line, fields]] of expected.entries()) {
        const record = found[index]
        assert.equal(record?.line, line)
        if (fields instanceof RegExp)
          assert.match(record !== undefined && "fault" in record ? record.fault : "", fields)
        else assert.deepEqual(record !== undefined && "fields" in record ? record.fields : [], fields)
      }
    })
  }

  it("gives back every table that was written, wherever the pieces are cut", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", " ", "é", "="), maxLength: 6 })
    const rows = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(rows, cuts, async (written, at) => {
        const text = written
          .map((row) => `${row.map((each) => `"${each.replaceAll('"', '""')}"`).join(",")}\r\n`)
          .join("")
        const read = await csv(text, at)
        assert.deepEqual(
          read.map((record) => ("fields" in record ? record.fields : record.fault)),
          written,
        )
      }),
      { numRuns },
    )
  })

  it("never throws, and says the same however the pieces are cut", async () => {
    const hostile = fc.string({
      unit: fc.constantFrom("a", ",", '"', "\n", "\r", "\0", "\ufffd"),
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(hostile, cuts, async (text, at) =>
        assert.deepEqual(await csv(text, at), await csv(text)),
      ),
      { numRuns },
    )
  })
})

describe("JSON", () => {
  const element = fc
    .tuple(fc.string({ maxLength: 8 }), fc.array(fc.nat(), { maxLength: 2 }))
    .map(([a, b]) => ({ a, b }))

  it("gives back every array that was written, wherever the pieces are cut", async () => {
    const shape = fc.constantFrom(
      (list: object[]) => JSON.stringify(list),
      (list: object[]) => JSON.stringify(list, null, 2),
      (list: object[]) => `{"users": ${JSON.stringify(list)}}\n`,
    )
    await fc.assert(
      fc.asyncProperty(fc.array(element, { maxLength: 5 }), shape, cuts, async (written, write, at) => {
        const read = await array(write(written), at)
        assert.deepEqual(
          read.map((piece) => ("text" in piece ? JSON.parse(piece.text) : piece.fault)),
          written,
        )
      }),
      { numRuns },
    )
  })

  it("gives back lines, passes over empty ones and counts them", async () => {
    const text = '{"a":1}\n\n  \r\n{"a":2}\r\nnonsense'
    assert.deepEqual(await lines(text, [3, 9, 14]), [
      { line: 1, text: '{"a":1}' },
      { line: 4, text: '{"a":2}\r' },
      { line: 5, text: "nonsense" },
    ])
  })

  for (const [text, fault] of [
    ["", /does not end/],
    ["nonsense", /does not end/],
    ["x".repeat(300), /begin with an array/],
    ['{"a":1}', /does not end/],
    ['[{"a":1}', /does not end/],
    ['[{"a":1} {"a":2}]', /no comma/],
    ['[{"a":1},]', /no object/],
    ["[1]", /no object/],
    ["[] x", /behind the end/],
    ['{"users":[]', /does not end/],
    ['{"users":[]}}', /behind the end/],
  ] as const) {
    it(`stops in ${JSON.stringify(text.slice(0, 30))}`, async () => {
      const last = (await array(text)).at(-1)
      assert.ok(last !== undefined && "fault" in last && last.final)
      assert.match(last.fault, fault)
    })
  }

  it("loses an element that is too long and no other", async () => {
    const text = `[{"a":"${"x".repeat(20_000)}"},\n{"a":"}]"}]`
    const [first, second] = await array(text)
    assert.ok(first !== undefined && "fault" in first && !first.final)
    assert.deepEqual(second, { line: 2, text: '{"a":"}]"}' })
    const [long, short] = await lines(`${"x".repeat(20_000)}\n{}`, [100, 9_000])
    assert.ok(long !== undefined && "fault" in long)
    assert.deepEqual(short, { line: 2, text: "{}" })
  })

  it("never throws, and says the same however the pieces are cut", async () => {
    const hostile = fc
      .string({ unit: fc.constantFrom("{", "}", "[", "]", '"', "\\", ",", "\n", "a"), maxLength: 40 })
      .map((text) => `[${text}`)
    await fc.assert(
      fc.asyncProperty(hostile, cuts, async (text, at) => {
        assert.deepEqual(await array(text, at), await array(text))
        assert.deepEqual(await lines(text, at), await lines(text))
      }),
      { numRuns },
    )
  })
})

const SETTINGS: RowSettings = { verified: undefined, firebase: undefined }
const BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
const GOOD = { email: "Ada@Example.com", hash: BCRYPT, verified: "true" }

describe("a row", () => {
  it("becomes an account, with its address in one spelling", () => {
    const row = readRow(
      { ...GOOD, roles: "admin; editor", created_at: "2020-01-02T03:04:05Z", disabled: "t" },
      SETTINGS,
      NOW,
    )
    assert.deepEqual(row, {
      email: "ada@example.com",
      passwordHash: BCRYPT,
      withoutPassword: false,
      roles: ["admin", "editor"],
      verified: true,
      disabled: true,
      createdAt: Date.UTC(2020, 0, 2, 3, 4, 5),
    })
  })

  it("does not bring a password for a mailbox that nobody proved", () => {
    const row = readRow({ ...GOOD, verified: false }, SETTINGS, NOW)
    assert.ok(typeof row === "object" && row.passwordHash === null && row.withoutPassword && !row.verified)
  })

  it("that does not say whether it was proved takes what the operator says, and nothing else", () => {
    const { verified: _, ...silent } = GOOD
    assert.match(String(readRow(silent, SETTINGS, NOW)), /^verified is missing/)
    const row = readRow(silent, { ...SETTINGS, verified: true }, NOW)
    assert.ok(typeof row === "object" && row.verified)
    const told = readRow({ ...GOOD, verified: "f" }, { ...SETTINGS, verified: true }, NOW)
    assert.ok(typeof told === "object" && !told.verified)
  })

  for (const [text, at] of [
    ["2020-01-02", Date.UTC(2020, 0, 2)],
    ["2020-01-02 03:04:05.678901+00", Date.UTC(2020, 0, 2, 3, 4, 5, 678)],
    ["2020-01-02 03:04:05+0530", Date.UTC(2020, 0, 1, 21, 34, 5)],
    ["2020-01-02T03:04", Date.UTC(2020, 0, 2, 3, 4)],
    ["1577934245", 1_577_934_245_000],
    [1_577_934_245_000, 1_577_934_245_000],
    ["1577934245000", 1_577_934_245_000],
    ["", undefined],
  ] as const) {
    it(`takes ${JSON.stringify(text)} as a time of UTC`, () => {
      const row = readRow({ ...GOOD, created_at: text }, SETTINGS, NOW)
      assert.ok(typeof row === "object", String(row))
      assert.equal(row.createdAt, at)
    })
  }

  const faults: readonly (readonly [object, RegExp])[] = [
    [{ email: undefined }, /^email is missing/],
    [{ email: "" }, /^email is missing/],
    [{ email: "ada@example.com,eve@example.com" }, /not a mail address/],
    [{ email: "ada@example.com\nBcc: eve@example.com" }, /not a mail address/],
    [{ email: "ada＠example.com" }, /not a mail address/],
    [{ email: "ada\ufffd@example.com" }, /not UTF-8/],
    [{ email: 7 }, /not a text/],
    [{ hash: "secret plain text" }, /form is not known/],
    [{ hash: BCRYPT.replace("$05$", "$31$") }, /cost too much/],
    [{ hash: ["x"] }, /hash is not a text/],
    [{ salt: "Bw==" }, /no --firebase/],
    [{ verified: "yes" }, /neither true nor false/],
    [{ verified: {} }, /neither true nor false/],
    [{ disabled: "maybe" }, /^disabled is neither/],
    [{ roles: "admin admin" }, /named twice/],
    [{ roles: ["admin editor"] }, /a role is a letter/],
    [{ roles: "=1+2" }, /a role is a letter/],
    [{ roles: Array.from({ length: 33 }, (_, index) => `r${index}`) }, /at most 32/],
    [{ created_at: "31.1.2020" }, /no time/],
    [{ created_at: "2020-13-45" }, /no time/],
    [{ created_at: "-5" }, /no time/],
    [{ created_at: "2027-01-01" }, /in the future/],
  ]
  for (const [change, message] of faults) {
    it(`${JSON.stringify(change).slice(0, 60)} is told: ${message.source}`, () => {
      const told = readRow({ ...GOOD, ...change }, SETTINGS, NOW)
      assert.match(String(told), message)
      assert.doesNotMatch(String(told), /eve|secret|\$2a/)
    })
  }

  it("is read without a throw, whatever stands in it", () => {
    const value = fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom("true", "ada@example.com", BCRYPT))
    const names = fc.constantFrom("email", "hash", "salt", "roles", "verified", "created_at", "disabled")
    fc.assert(
      fc.property(fc.dictionary(names, value), (values) => {
        assert.ok(["string", "object"].includes(typeof readRow(values, SETTINGS, NOW)))
      }),
      { numRuns },
    )
  })
})

describe("Firebase's parameters", () => {
  const text = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`
  it("are read as the console shows them", () => {
    const faults = new Faults()
    const found = readFirebaseParameters(text, "--firebase", faults)
    assert.deepEqual([found?.saltSeparator, found?.rounds, found?.memoryCost], ["Bw==", 8, 14])
    assert.deepEqual(faults.list, [])
  })
  it("are refused when one is missing or beyond what Firebase allows, and not repeated", () => {
    for (const broken of [
      text.replace("rounds", "round"),
      text.replace("14", "24"),
      text.replace("jxspr8", "$"),
      "",
    ]) {
      const faults = new Faults()
      assert.equal(readFirebaseParameters(broken, "--firebase", faults), undefined)
      assert.ok(faults.list.length > 0 && faults.list.every(({ code }) => code === "import.firebase"))
      assert.doesNotMatch(JSON.stringify(faults.list), /An210/)
    }
  })
})

describe("a whole file", () => {
  it("with ill-formed UTF-8 loses that row alone; a byte order mark is nothing", async () => {
    const store = await openSqlite({ path: ":memory:" })
    const told: [number, string][] = []
    const bytes = Buffer.concat([
      Buffer.from("\ufeffemail,verified\na@example.com,true\n"),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("@example.com,true\nb@example.com,true\n"),
    ])
    const summary = await importFile({
      format: "csv",
      text: decode(
        (async function* () {
          for (const byte of bytes) yield Buffer.from([byte])
        })(),
      ),
      store,
      dryRun: false,
      strict: false,
      settings: SETTINGS,
      onFault: (line, why) => void told.push([line, why]),
      onProgress: () => {},
    })
    assert.deepEqual([summary.rows, summary.created, summary.bad], [3, 2, 1])
    assert.deepEqual(told, [[3, "email is not UTF-8"]])
    await store.close()
  })

  it("never throws for its rows: each is created, there already, or told", async () => {
    const cell = fc.constantFrom(
      "a@example.com",
      "b@example.com",
      "x",
      "",
      "true",
      "false",
      BCRYPT,
      '"',
      "\r",
      "=1",
    )
    const row = fc.array(cell, { maxLength: 4 }).map((cells) => cells.join(","))
    const store = await openSqlite({ path: ":memory:" })
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), fc.boolean(), async (rows, dryRun) => {
        let told = 0
        const summary = await importFile({
          format: "csv",
          text: pieces(`email,verified,hash\n${rows.join("\n")}`),
          store,
          dryRun,
          strict: false,
          settings: SETTINGS,
          onFault: () => void told++,
          onProgress: () => {},
        })
        assert.equal(summary.rows, summary.created + summary.taken + summary.bad)
        assert.equal(told, summary.taken + summary.bad)
      }),
      { numRuns: LONG ? 1000 : 40 },
    )
    assert.ok((await store.listAccounts({ limit: 10 })).length <= 2)
    await store.close()
  })
})
