/**
 * What must hold of a Compose file: nobody but the edge is reached from outside, data stores have no way to the internet, every
 * container is closed, and no secret stands in a setting. What is deliberately left out says why, in a label
 * `nightlatch.without.<rule>`; for what leads to the data there is no such label.
 */
import {
  bindOf,
  isLoopbackAddress,
  isMapping,
  listOf,
  type Mapping,
  named,
  networksOf,
  portsOf,
} from "./compose-file.ts"

export interface Finding {
  readonly service: string
  readonly rule: string
  readonly text: string
}

type Tell = (rule: string, text: string) => void

const STORES =
  /(?:^|[/_-])(?:postgres(?:ql)?|postgis|pgbouncer|timescaledb|cockroach|mysql|mariadb|percona|mssql|mongo(?:db)?|redis|valkey|keydb|dragonfly|memcached|elasticsearch|opensearch|clickhouse|cassandra|scylla|couchdb|couchbase|neo4j|etcd|influxdb|rabbitmq|minio)(?:$|[:@/_-])/i
const STORE_PORTS = new Set([
  ...["1433", "2379", "3306", "5432", "5672", "5984", "6379", "6432", "7000", "7687", "8086", "8123"],
  ...["9000", "9042", "9200", "9300", "11211", "26257", "27017", "28015"],
])
const SECRET = /(?:PASS(?:WORD|WD|PHRASE)?|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)(?:$|_)/i
const CREDENTIALS = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s]*:[^/@\s]+@/i
/** With capabilities like these a container is not much less than root of the machine. */
const MAY_NOT_BE_WAIVED = new Set([
  ..."database.published database.network database.trust ports.published network.host host.namespace".split(
    " ",
  ),
  ..."privileged docker.socket environment.secret compose.unknown".split(" "),
])

/** @param edge the one service that the internet reaches, and its ports */
export function judgeCompose(
  file: Mapping,
  edge: { readonly service: string; readonly ports: readonly string[] },
): readonly Finding[] {
  const findings: Finding[] = []
  const services = isMapping(file.services) ? file.services : {}
  const networks = isMapping(file.networks) ? file.networks : {}
  if (Object.keys(services).length === 0 || file.include !== undefined)
    findings.push({
      service: "",
      rule: "compose.unknown",
      text: "there are no services, or some in other files",
    })
  for (const [name, service] of Object.entries(services)) {
    const given = isMapping(service) ? service : {}
    const labels = named(given.labels)
    const tell: Tell = (rule, text) => {
      const reason = labels[`nightlatch.without.${rule}`]
      const waived = typeof reason === "string" && reason.length >= 10 && !MAY_NOT_BE_WAIVED.has(rule)
      if (!waived) findings.push({ service: name, rule, text })
    }
    if (given.extends !== undefined) tell("compose.unknown", "it extends another one, which is not looked at")
    const store = isStore(name, given)
    judgePorts(given, store, name === edge.service ? edge.ports : [], tell)
    judgeNetworks(given, store, services, networks, tell)
    judgeRights(given, tell)
    judgeLimits(given, tell)
    judgeSettings(given, tell)
    judgeImage(given, tell)
  }
  return findings
}

function isStore(name: string, service: Mapping): boolean {
  if (typeof service.image === "string") return STORES.test(service.image)
  const exposed = [...portsOf(service).map(({ target }) => target), ...listOf(service.expose).map(String)]
  return STORES.test(name) || exposed.some((port) => STORE_PORTS.has(port))
}

function judgePorts(service: Mapping, store: boolean, allowed: readonly string[], tell: Tell): void {
  for (const { address, published, target } of portsOf(service)) {
    if (isLoopbackAddress(address)) continue
    const where = `${address ?? "every address"}, port ${published ?? "any"}`
    if (store || STORE_PORTS.has(target)) tell("database.published", where)
    else if (published === undefined || !allowed.includes(published)) tell("ports.published", where)
  }
}

function judgeNetworks(
  service: Mapping,
  store: boolean,
  services: Mapping,
  networks: Mapping,
  tell: Tell,
): void {
  const names = networksOf(service, services)
  if (names === undefined) {
    tell("network.host", `network_mode is ${service.network_mode}`)
    return
  }
  if (!store) return
  for (const name of names) {
    const network = networks[name]
    const internal = isMapping(network) && network.internal === true && network.external === undefined
    if (!internal) tell("database.network", `the network ${name} leads to the internet, or nobody knows`)
  }
}

function judgeRights(service: Mapping, tell: Tell): void {
  if (service.read_only !== true) tell("read_only", "it can change its own programs")
  if (!listOf(service.cap_drop).map(String).includes("ALL")) tell("cap_drop", "it keeps capabilities")
  if (listOf(service.cap_add).length > 0) tell("cap_add", "it gets capabilities")
  if (service.privileged === true) tell("privileged", "it is root of the machine")
  const options = listOf(service.security_opt).map(String)
  if (!options.some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)))
    tell("no-new-privileges", "its programs can gain rights")
  if (options.some((option) => /(?:seccomp|apparmor)[:=]unconfined/.test(option)))
    tell("unconfined", "a filter is switched off")
  if (!/^[1-9]\d*(?::\d+)?$/.test(String(service.user ?? ""))) tell("user", "it is root, or may be")
  for (const key of ["pid", "ipc", "uts", "userns_mode", "cgroup"])
    if (service[key] === "host") tell("host.namespace", `${key} is the machine's`)
  if (listOf(service.devices).length > 0) tell("devices", "it has devices of the machine")
  for (const volume of listOf(service.volumes)) {
    const bind = bindOf(volume)
    if (bind === undefined) continue
    if (/docker\.sock|containerd\.sock|podman\.sock/.test(bind.source)) tell("docker.socket", bind.source)
    if (bind.writable) tell("bind.writable", bind.source)
  }
}

function judgeLimits(service: Mapping, tell: Tell): void {
  const deploy = isMapping(service.deploy) ? service.deploy : {}
  const resources = isMapping(deploy.resources) ? deploy.resources : {}
  const limits = isMapping(resources.limits) ? resources.limits : {}
  if ((service.mem_limit ?? limits.memory) === undefined) tell("memory", "it may take all memory")
  const pids = Number(service.pids_limit ?? limits.pids)
  if (!(pids > 0)) tell("pids", "it may start any number of processes")
  if (service.restart === undefined || service.restart === "no")
    tell("restart", "it stays down when it falls")
  const health = isMapping(service.healthcheck) ? service.healthcheck : {}
  const test = listOf(health.test).map(String)
  if (test.length === 0 || test[0] === "NONE" || health.disable === true)
    tell("healthcheck", "nobody sees whether it works")
}

function judgeSettings(service: Mapping, tell: Tell): void {
  const build = isMapping(service.build) ? service.build : {}
  for (const [name, value] of Object.entries({ ...named(service.environment), ...named(build.args) })) {
    if (name === "POSTGRES_HOST_AUTH_METHOD" && value === "trust") tell("database.trust", "anybody is let in")
    if (/^(?:MYSQL|MARIADB)_ALLOW_EMPTY/.test(name)) tell("database.trust", "anybody is let in")
    if (name.endsWith("_FILE")) continue
    if (SECRET.test(name) || CREDENTIALS.test(String(value ?? ""))) tell("environment.secret", name)
  }
  for (const file of listOf(service.env_file)) tell("environment.secret", `env_file ${JSON.stringify(file)}`)
  const words = [service.command, service.entrypoint].flatMap(listOf).map(String).join(" ")
  if (/--?(?:requirepass|masterauth|password|pass)[ =]\S/i.test(words) || CREDENTIALS.test(words))
    tell("environment.secret", "a password in its command line")
}

function judgeImage(service: Mapping, tell: Tell): void {
  const image = typeof service.image === "string" ? service.image : undefined
  if (image === undefined && service.build === undefined) tell("image", "there is none")
  if (image === undefined) return
  const pinned = /@sha256:[0-9a-f]{64}$/.test(image) || /:v?\d+\.\d+(?:[.-][\w.-]+)?$/.test(image)
  if (!pinned) tell("image", `${image} is another one tomorrow`)
}
