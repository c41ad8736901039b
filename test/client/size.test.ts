import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { gzipSync } from "node:zlib"
import { emitClient } from "./emit.ts"

/** What every page of an application loads. */
const MOST_BYTES = 3072

describe("the browser helper", () => {
  it("is small, and needs nothing else", async (t) => {
    const scripts = await emitClient()
    assert.ok(scripts.has("client/index.js"))
    let bytes = 0
    for (const [path, text] of scripts) {
      bytes += gzipSync(text).length
      assert.doesNotMatch(text, /^\s*import\b|\bimport\(|\bfrom\s+"/m, path)
    }
    t.diagnostic(`${bytes} bytes, gzipped`)
    assert.ok(bytes > 500 && bytes < MOST_BYTES, `${bytes} bytes`)
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
