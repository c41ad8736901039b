/** What must hold of Kubernetes manifests, by the same measure as the Compose files. */
import { isMapping, listOf, type Mapping } from "./compose-file.ts"

const TEMPLATED = new Set(["Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet"])
const SECRET = /(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)(?:$|_)/i
const CREDENTIALS = /:\/\/[^/@\s]*:[^/@\s]+@/
const PINNED = /@sha256:[0-9a-f]{64}$|:v?\d+\.\d+\.\d+[\w.-]*$/

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, key) => (isMapping(inner) ? inner[key] : undefined), value)

/** Each fault as one sentence that begins with kind and name. */
export function judgeManifests(manifests: readonly unknown[]): readonly string[] {
  const faults: string[] = []
  const policies: Mapping[] = []
  let pods = 0
  for (const manifest of manifests) {
    const kind = String(at(manifest, "kind"))
    const who = `${kind} ${at(manifest, "metadata", "name")}`
    const tell = (text: string) => faults.push(`${who}: ${text}`)
    if (kind === "Service" && !["undefined", "ClusterIP"].includes(String(at(manifest, "spec", "type"))))
      tell("it leads out of the cluster")
    if (kind === "Service" && listOf(at(manifest, "spec", "externalIPs")).length > 0)
      tell("it leads out of the cluster")
    if (kind === "Secret") tell("a secret stands in a file")
    if (kind === "NetworkPolicy") policies.push(manifest as Mapping)
    if (kind === "Ingress" && listOf(at(manifest, "spec", "tls")).length === 0) tell("it has no certificate")
    const template = TEMPLATED.has(kind)
      ? at(manifest, "spec", "template", "spec")
      : kind === "CronJob"
        ? at(manifest, "spec", "jobTemplate", "spec", "template", "spec")
        : kind === "Pod"
          ? at(manifest, "spec")
          : undefined
    if (template === undefined) continue
    pods++
    judgePod(template, /Job$/.test(kind), tell)
  }
  const closed = policies.some((policy) => {
    const selector = at(policy, "spec", "podSelector")
    const types = listOf(at(policy, "spec", "policyTypes")).map(String)
    const opens = at(policy, "spec", "ingress") !== undefined || at(policy, "spec", "egress") !== undefined
    return (
      isMapping(selector) &&
      Object.keys(selector).length === 0 &&
      types.includes("Ingress") &&
      types.includes("Egress") &&
      !opens
    )
  })
  if (pods > 0 && !closed) faults.push("NetworkPolicy: none that closes what no other one opens")
  if (pods === 0) faults.push("there is no pod to judge")
  return faults
}

function judgePod(pod: unknown, ends: boolean, tell: (text: string) => void): void {
  for (const key of ["hostNetwork", "hostPID", "hostIPC"])
    if (at(pod, key) === true) tell(`${key} is the machine's`)
  if (at(pod, "automountServiceAccountToken") !== false) tell("it gets a key to the cluster")
  for (const volume of listOf(at(pod, "volumes"))) {
    if (at(volume, "hostPath") !== undefined) tell("it has a folder of the machine")
    const secret = at(volume, "secret")
    const mode = at(secret, "defaultMode")
    if (secret !== undefined && !(typeof mode === "number" && (mode & 0o027) === 0))
      tell("others may read a secret")
  }
  const containers = [...listOf(at(pod, "containers")), ...listOf(at(pod, "initContainers"))]
  for (const container of containers) {
    const setting = (key: string): unknown =>
      at(container, "securityContext", key) ?? at(pod, "securityContext", key)
    if (setting("runAsNonRoot") !== true || !(Number(setting("runAsUser")) > 0)) tell("it is root, or may be")
    if (setting("readOnlyRootFilesystem") !== true) tell("it can change its own programs")
    if (setting("allowPrivilegeEscalation") !== false) tell("its programs can gain rights")
    if (setting("privileged") === true) tell("it is root of the machine")
    const capabilities = setting("capabilities")
    if (!listOf(at(capabilities, "drop")).includes("ALL") || listOf(at(capabilities, "add")).length > 0)
      tell("it has capabilities")
    if (at(setting("seccompProfile"), "type") !== "RuntimeDefault") tell("its system calls are not filtered")
    if (at(container, "resources", "limits", "memory") === undefined) tell("it may take all memory")
    if (!PINNED.test(String(at(container, "image")))) tell("its image is another one tomorrow")
    if (
      !ends &&
      (at(container, "readinessProbe") === undefined || at(container, "livenessProbe") === undefined)
    )
      tell("nobody sees whether it works")
    for (const port of listOf(at(container, "ports")))
      if (at(port, "hostPort") !== undefined) tell("it has a port of the machine")
    for (const variable of listOf(at(container, "env"))) {
      const name = String(at(variable, "name"))
      if (name.endsWith("_FILE")) continue
      if (SECRET.test(name) || CREDENTIALS.test(String(at(variable, "value"))))
        tell(`a secret in the setting ${name}`)
    }
    if (listOf(at(container, "envFrom")).some((from) => at(from, "secretRef") !== undefined))
      tell("secrets as settings")
  }
}
