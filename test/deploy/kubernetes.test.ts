/** docs/deploy/kubernetes.md: its manifests, judged; and the judge, with manifests in which something is wrong. */
import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { parseAllDocuments } from "yaml"
import { Faults } from "../../src/core/misuse.ts"
import { readEnvironment } from "../../src/service/environment.ts"
import { judgeManifests } from "./kubernetes.ts"
import { ROOT } from "./programs.ts"

const PAGE = readFileSync(join(ROOT, "docs/deploy/kubernetes.md"), "utf8")
const YAML = [...PAGE.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, text]) => text ?? "").join("---\n")
// As Kubernetes reads it (YAML 1.1): 0440 is a mode in octal digits.
const read = (text: string): readonly unknown[] =>
  parseAllDocuments(text, { version: "1.1" }).map((document) => {
    assert.deepEqual(document.errors, [])
    return document.toJS()
  })

describe("kubernetes.md", () => {
  it("shows manifests that are closed", (t) => {
    const manifests = read(YAML)
    t.diagnostic(`${manifests.length} manifests`)
    assert.ok(manifests.length > 12)
    assert.deepEqual(judgeManifests(manifests), [])
  })

  it("names settings and files that there are", () => {
    const names = [...YAML.matchAll(/name: ((?:NIGHTLATCH|LATCH)_\w+), value: "?([^"\s}]+)/g)]
    assert.ok(names.length > 6)
    const faults = new Faults()
    const plain = names.filter(([, name = ""]) => !name.endsWith("_FILE"))
    readEnvironment(Object.fromEntries(plain.map(([, name, value]) => [name, value])), ROOT, faults)
    const unknown = names
      .map(([, name = ""]) => [name, "/nowhere"] as const)
      .filter(([name]) => name.endsWith("_FILE"))
    readEnvironment(Object.fromEntries(unknown), ROOT, faults)
    assert.deepEqual(
      faults.list.filter(({ code }) => code !== "secret.unreadable"),
      [],
    )
    for (const [, path = ""] of PAGE.matchAll(/(deploy\/[\w./-]+\w)/g))
      assert.ok(existsSync(join(ROOT, path)), path)
  })

  const planted: readonly (readonly [string, RegExp | string, string])[] = [
    [
      "a service that leads out",
      "ports: [{ port: 6379 }]\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress",
      "type: LoadBalancer\n  $&",
    ],
    [
      "a port on every node",
      "selector: { app: redis }\n  ports",
      "type: NodePort\n  selector: { app: redis }\n  ports",
    ],
    ["root", "runAsUser: 999", "runAsUser: 0"],
    ["whatever user the image has", "runAsNonRoot: true, runAsUser: 999", "runAsUser: 999"],
    ["programs that can be changed", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"],
    ["rights that can be gained", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"],
    ["capabilities", "drop: [ALL]", "drop: [ALL], add: [NET_ADMIN]"],
    [
      "system calls of all kinds",
      "seccompProfile: { type: RuntimeDefault }",
      "seccompProfile: { type: Unconfined }",
    ],
    ["the machine's network", "terminationGracePeriodSeconds: 20", "hostNetwork: true"],
    ["a port of the machine", "containerPort: 3000", "containerPort: 3000, hostPort: 80"],
    ["a folder of the machine", "emptyDir: { medium: Memory, sizeLimit: 16Mi }", "hostPath: { path: /srv }"],
    ["a key to the cluster", "automountServiceAccountToken: false", "automountServiceAccountToken: true"],
    ["secrets that others may read", "defaultMode: 0440", "defaultMode: 0444"],
    ["secrets with the usual mode", ", defaultMode: 0440", ""],
    [
      "a secret in a setting",
      "name: NIGHTLATCH_MAIL_FROM, value: no-reply@example.com",
      "name: NIGHTLATCH_SECRET, value: x",
    ],
    ["a password in a URL", "value: no-reply@example.com", "value: postgres://a:b@c/d"],
    ["all memory", "limits: { memory: 128Mi", "limits: { storage: 128Mi"],
    ["an image that moves", "redis:8.4.6-trixie", "redis:latest"],
    ["nobody who looks", /livenessProbe: \{ tcp.*/, ""],
    ["no certificate", /tls: \[.*/, ""],
    ["an open network", "podSelector: {}", "podSelector: { matchLabels: { app: x } }"],
    ["a secret as a file", "kind: PodDisruptionBudget", "kind: Secret"],
  ]
  for (const [name, from, to] of planted) {
    it(`would not be taken with ${name}`, () => {
      const text = YAML.replace(from, to)
      assert.notEqual(text, YAML)
      const faults = judgeManifests(read(text))
      assert.ok(faults.length > 0)
    })
  }

  it("would not be taken without anything in it", () => assert.notDeepEqual(judgeManifests([]), []))
})
