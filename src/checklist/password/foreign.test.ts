/** Hashes of other systems: published vectors of each form, and what is refused. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { hash as argon2Hash } from "@node-rs/argon2"
import fc from "fast-check"
import { Faults } from "../../core/misuse.ts"
import { createPasswords, firebaseHash, readHash, readPassword } from "./index.ts"

const WHO = { network: "192.0.2.0/24", account: "ada@example.com" }
const room = createPasswords({ policy: readPassword({}, new Faults()) })

/** The example in github.com/firebase/scrypt. */
const FIREBASE = {
  signerKey: "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
  saltSeparator: "Bw==",
  rounds: 8,
  memoryCost: 14,
} as const
const FIREBASE_TEXT = firebaseHash(
  FIREBASE,
  "42xEC+ixf3L2lw==",
  "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
)
const LONG = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const VECTORS: readonly (readonly [name: string, hash: string, password: string])[] = [
  ["bcrypt 2a (crypt_blowfish)", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"],
  ["bcrypt 2y (crypt_blowfish)", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"],
  ["bcrypt 2b (crypt_blowfish)", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"],
  [
    "bcrypt of 72 bytes (crypt_blowfish)",
    "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
    `${LONG}chars after 72 are ignored`,
  ],
  [
    "scrypt (passlib)",
    "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
    "password",
  ],
  ["scrypt (Firebase)", FIREBASE_TEXT, "user1password"],
  ["pbkdf2 (Django)", "pbkdf2_sha256$30000$seasalt$VrX+V8drCGo68wlvy6rfu8i1d1pfkdeXA4LJkRGJodY=", "lètmein"],
  [
    "pbkdf2 with i=",
    "$pbkdf2-sha256$i=1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
    "password",
  ],
  [
    "pbkdf2 of SHA-512 (hashcat)",
    "$pbkdf2-sha512$25000$LyWE0HrP2RsjZCxlDGFMKQ$1vC5Ohk2mCS9b6akqsEfgeb4l74SF8XjH.SljXf3dMLHdlY1GK9ojcCKts6/asR4aPqBmk74nCDddU3tvSCJvw",
    "hashcat",
  ],
  [
    "argon2i (reference)",
    "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA",
    "password",
  ],
  [
    "argon2i of version 1.0 (reference)",
    "$argon2i$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
    "password",
  ],
  [
    "argon2id (reference)",
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    "password",
  ],
]

for (const [name, hash, password] of VECTORS) {
  test(`${name}: the published vector verifies and asks to be made anew, and nothing else does`, async () => {
    assert.equal(readHash(hash).kind, "verifiable")
    assert.deepEqual(await room.verify(hash, password, WHO), { kind: "verified", ok: true, rehash: true })
    for (const wrong of [`${password.slice(0, 60)}x`, `x${password}`, ""]) {
      const seen = await room.verify(hash, wrong, WHO)
      assert.deepEqual(seen, { kind: "verified", ok: false, rehash: false }, wrong)
    }
  })
}

test("pbkdf2_sha512 and argon2d verify what the same functions made", async () => {
  const { pbkdf2Sync } = await import("node:crypto")
  const made = pbkdf2Sync("seven lanterns", "salt", 1000, 64, "sha512").toString("base64")
  const argon2d = await argon2Hash("seven lanterns", { algorithm: 0, memoryCost: 1024, timeCost: 1 })
  for (const hash of [`pbkdf2_sha512$1000$salt$${made}`, argon2d]) {
    const seen = await room.verify(hash, "seven lanterns", WHO)
    assert.deepEqual(seen, { kind: "verified", ok: true, rehash: true }, hash)
  }
})

test("bcrypt takes 72 bytes as the old system did, and no NUL", async () => {
  const { hash: bcrypt } = await import("@node-rs/bcrypt")
  const hash = await bcrypt(LONG, 4)
  const table: readonly [string, boolean][] = [
    [LONG, true],
    [`${LONG}!`, true],
    [LONG.slice(0, -1), false],
    [`${LONG}\0`, false],
  ]
  for (const [password, ok] of table) {
    const seen = await room.verify(hash, password, WHO)
    assert.ok(seen.kind === "verified" && seen.ok === ok, JSON.stringify(password))
  }
  // The 72nd byte is the first of a letter of two.
  const cut = `${LONG.slice(0, 71)}é`
  const seen = await room.verify(await bcrypt(cut, 4), cut, WHO)
  assert.ok(seen.kind === "verified" && seen.ok)
})

test("what was typed verifies as it was hashed elsewhere, in its own normal form or in ours", async () => {
  const [typed, normal] = ["cafe\u0301 crème ﬁne", "café crème fine"]
  const { hash: bcrypt } = await import("@node-rs/bcrypt")
  const argon2 = await argon2Hash(typed, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  for (const hash of [await bcrypt(typed, 4), await bcrypt(normal, 4), argon2]) {
    const seen = await room.verify(hash, typed, WHO)
    assert.deepEqual(seen, { kind: "verified", ok: true, rehash: true }, hash)
  }
})

const SALT = "c29tZXNhbHRzb21lc2FsdA"
const HASH = "A".repeat(43)
const bcryptOf = (cost: string) => `$2b$${cost}$${"a".repeat(53)}`

test("what would cost minutes or gigabytes is refused before any of it is spent", async () => {
  const costly = [
    bcryptOf("15"),
    bcryptOf("31"),
    `$scrypt$ln=18,r=8,p=1$${SALT}$${HASH}`,
    `$scrypt$ln=17,r=8,p=5$${SALT}$${HASH}`,
    `$scrypt$ln=14,r=999,p=1$${SALT}$${HASH}`,
    `$scrypt$ln=99,r=999,p=999$${SALT}$${HASH}`,
    `$firebase-scrypt$ln=20,r=8$${SALT}$Bw$${HASH}$${HASH}`,
    `pbkdf2_sha256$4000001$salt$${HASH}=`,
    `pbkdf2_sha256$999999999$salt$${HASH}=`,
    `$pbkdf2-sha512$i=2500000$${SALT}$${"A".repeat(100)}`,
    `$argon2id$v=19$m=4194304,t=1,p=1$${SALT}$${HASH}`,
    `$argon2id$v=19$m=1048576,t=5,p=1$${SALT}$${HASH}`,
    `$argon2i$v=19$m=19456,t=4000000000,p=1$${SALT}$${HASH}`,
    `$argon2d$v=19$m=19456,t=2,p=17$${SALT}$${HASH}`,
  ]
  for (const hash of costly) {
    assert.deepEqual(readHash(hash), { kind: "unusable", why: "verifying it would cost too much" }, hash)
    const began = performance.now()
    const seen = await room.verify(hash, "password", WHO)
    assert.deepEqual(seen, { kind: "verified", ok: false, rehash: false }, hash)
    assert.ok(performance.now() - began < 5_000)
  }
})

test("what is of no known form is refused", () => {
  const unknown = [
    "",
    "password",
    "5f4dcc3b5aa765d61d8327deb882cf99",
    "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e",
    bcryptOf("03"),
    bcryptOf("32"),
    `${bcryptOf("05")}\n`,
    `$scrypt$ln=14,r=8,p=1$${SALT}$QUFB`,
    `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`,
    `$scrypt$ln=14,r=8,p=1$$${HASH}`,
    `$firebase-scrypt$ln=14,r=8$${SALT}$Bw$${HASH}$${SALT}`,
    "pbkdf2_sha1$1000$salt$MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=",
    `pbkdf2_sha256$0$salt$${HASH}=`,
    `pbkdf2_sha256$1000$$${HASH}=`,
    `$pbkdf2-sha256$i=1000,l=16$${SALT}$${HASH}`,
    `$argon2id$v=18$m=19456,t=2,p=1$${SALT}$${HASH}`,
    "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    `$argon2id$${"a".repeat(5000)}`,
  ]
  for (const hash of unknown)
    assert.deepEqual(readHash(hash), { kind: "unusable", why: "its form is not known" }, hash)
})

test("a hash is read without a throw, whatever stands in it", () => {
  const part = fc.constantFrom(
    "$",
    "2b",
    "argon2id",
    "scrypt",
    "pbkdf2_sha256",
    "=",
    ",",
    "ln=1",
    "9",
    "A",
    "\n",
    "é",
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      const found = readHash(parts.join(""))
      assert.ok(found.kind === "unusable" || found.kind === "verifiable")
    }),
    { numRuns: 2000 },
  )
})
