import assert from "node:assert/strict"
import { it } from "node:test"
import { KeyRing } from "../checklist/secret/index.ts"
import type { Store } from "../store/store.ts"
import { createSecretUses } from "./secret-uses.ts"

it("says that a secret may be gone since the origin is another one, and which origin it is now", async () => {
  const now = Date.parse("2026-11-01T00:00:00Z")
  const noted: Parameters<Store["noteSecrets"]>[0][] = []
  const warned: { fields: object; text: string | undefined }[] = []
  const uses = createSecretUses({
    store: {
      noteSecrets(input) {
        noted.push(input)
        return Promise.resolve({
          now,
          removed: [{ id: "gone", knownAt: now - 2_000, signedAt: now - 1_000 }],
        })
      },
      leaveSecrets: () => Promise.resolve(),
    },
    keys: new KeyRing(["violet"], new URL("https://new.example.com")).keys("secret-id"),
    origin: "https://new.example.com",
    logger: {
      info() {},
      error() {},
      warn: (fields: object, text?: string) => warned.push({ fields, text }),
    },
    absoluteMs: 60_000,
  })
  await uses.beat()
  const detail = { secrets: 1, origin: "https://new.example.com" }
  assert.deepEqual(noted[0]?.removed, [{ type: "secret.removed", detail }])
  assert.deepEqual(noted[0]?.added, [{ type: "secret.added", detail }])
  assert.equal(warned.length, 1)
  assert.match(warned[0]?.text ?? "", /removed or the origin is another one/)
  assert.partialDeepStrictEqual(warned[0]?.fields, { secret: "gone", origin: "https://new.example.com" })
})
