import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { gzipSync } from "node:zlib"
import { emitClient } from "./emit.ts"

/** What every page of an application loads, and what one loads besides that solves proofs of work. */
const MOST_BYTES = { "client/index.js": 3072, "client/altcha.js": 768 }

describe("the browser helper", () => {
  it("is small, and needs nothing else", async (t) => {
    const scripts = await emitClient()
    for (const [path, text] of scripts) assert.doesNotMatch(text, /^\s*import\b|\bimport\(|\bfrom\s+"/m, path)
    for (const [path, most] of Object.entries(MOST_BYTES)) {
      const bytes = gzipSync(scripts.get(path) ?? "").length
      t.diagnostic(`${path}: ${bytes} bytes, gzipped`)
      assert.ok(bytes > 300 && bytes < most, `${bytes} bytes`)
    }
  })

  it("keeps nothing in the browser and touches no page", async () => {
    const text = (await emitClient()).get("client/index.js") ?? ""
    assert.match(text, /BroadcastChannel/)
    assert.doesNotMatch(
      text,
      /\b(?:localStorage|sessionStorage|indexedDB|caches|cookieStore|document|eval|Function)\b/,
    )
  })
})
