/** The bundle's Compose files, judged; and the judge, with files in which something is wrong. */
import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { after, describe, it } from "node:test"
import { type Finding, judgeCompose } from "./compose.ts"
import {
  isMapping,
  listOf,
  type Mapping,
  networksOf,
  portsOf,
  readCompose,
  targetOf,
} from "./compose-file.ts"
import { BUNDLE, openScratch, run, withPrograms } from "./programs.ts"

const EDGE = { service: "nginx", ports: ["80", "443"] }
const text = (name: string): string => readFileSync(join(BUNDLE, name), "utf8")
const VARIANTS = globSync("compose.*.yaml", { cwd: BUNDLE }).sort()
const COMBINATIONS = [
  ["compose.yaml"],
  ...VARIANTS.map((name) => ["compose.yaml", name]),
  ["compose.yaml", ...VARIANTS],
]

describe("the bundle's Compose files", () => {
  for (const names of COMBINATIONS) {
    it(`${names.join(" and ")}: only nginx is reached, and every container is closed`, () => {
      assert.deepEqual(judgeCompose(readCompose(names.map(text)), EDGE), [])
    })
  }

  const file = readCompose([text("compose.yaml")])
  const services = file.services as Record<string, Mapping>
  it("publish two ports and keep the database off every network", (t) => {
    t.diagnostic(`${Object.keys(services).length} services, ${VARIANTS.length} variants`)
    assert.ok(VARIANTS.length >= 2)
    const published = Object.entries(services).flatMap(([name, service]) =>
      portsOf(service).map(({ published: port }) => `${name} ${port}`),
    )
    assert.deepEqual(published, ["nginx 80", "nginx 443"])
    assert.deepEqual(networksOf(services.postgres ?? {}, services), [])
    assert.deepEqual(networksOf(services.redis ?? {}, services), ["data"])
  })

  it("give each container the secrets it needs, and the root secret to one", () => {
    const holders = (secret: string) =>
      Object.keys(services).filter((name) => listOf(services[name]?.secrets).includes(secret))
    assert.deepEqual(holders("root-secret"), ["nightlatch"])
    assert.deepEqual(holders("smtp-url"), ["nightlatch"])
    assert.deepEqual(holders("database-service"), ["nightlatch", "roles"])
    assert.deepEqual(holders("database-owner"), ["roles", "migrate", "restore"])
    assert.deepEqual(holders("database-backup"), ["roles", "backup"])
    assert.deepEqual(holders("database-admin"), ["roles", "postgres"])
    for (const name of ["nginx", "certificates"]) assert.equal(services[name]?.secrets, undefined, name)
    const declared = Object.keys(file.secrets as Mapping).sort()
    const used = new Set(Object.values(services).flatMap((service) => listOf(service.secrets)))
    assert.deepEqual(declared, [...used].sort())
  })

  it("mount what is there", () => {
    const sources = COMBINATIONS.flat()
      .flatMap((name) => Object.values(readCompose([text(name)]).services as Record<string, Mapping>))
      .flatMap((service) => listOf(service.volumes).map(String))
      .flatMap((volume) => /^\.\/([^:]+):/.exec(volume)?.[1] ?? [])
      // The operator's own.
      .filter((path) => path !== "cloudflare-origin-pull.pem")
    assert.ok(sources.length > 10)
    for (const source of sources) assert.doesNotThrow(() => text(source), source)
    const templates = listOf(services.nginx?.volumes)
      .map((volume) => basename(targetOf(volume)))
      .filter((name) => name.endsWith(".template"))
    assert.deepEqual(
      templates.sort(),
      globSync("*.template", { cwd: join(BUNDLE, "nginx/templates") }).sort(),
    )
  })

  it("name only what env.example explains", () => {
    const explained = text("env.example")
    for (const name of COMBINATIONS.flat()) {
      for (const [, variable = ""] of text(name).matchAll(/(?<!\$)\$\{(\w+)/g))
        assert.ok(
          variable === "SECRETS_GROUP" || new RegExp(`^#?${variable}=`, "m").test(explained),
          variable,
        )
    }
  })
})

withPrograms("the bundle's Compose files, as Compose reads them", ["docker-compose"], () => {
  const scratch = openScratch()
  after(() => scratch.remove())
  const compose = (env: Record<string, string>, ...names: readonly string[]) =>
    run(
      ["docker-compose", ...names.flatMap((name) => ["-f", scratch.at(`deploy/${name}`)]), "config"],
      { COMPOSE_PROJECT_NAME: "nightlatch", ...env },
      scratch.at("deploy"),
    )
  const all = {
    DOMAIN: "auth.example.com",
    EMAIL: "operator@example.com",
    MAIL_FROM: "no-reply@example.com",
    SECRETS_GROUP: "10001",
    APPLICATION: "application:8000",
  }

  for (const names of COMBINATIONS) {
    it(`${names.join(" and ")}: are taken and merged as the judge merges them`, async () => {
      const { code, output } = await compose(all, ...names)
      assert.equal(code, 0, output)
      const theirs = readCompose([output])
      assert.deepEqual(judgeCompose(theirs, EDGE), [])
      const ours = readCompose(names.map(text), all)
      for (const [name, service] of Object.entries(ours.services as Record<string, Mapping>)) {
        const other = (theirs.services as Record<string, Mapping>)[name] ?? {}
        // Of a profile that was not asked for.
        if (service.profiles !== undefined && !(name in (theirs.services as Mapping))) continue
        const targets = (from: Mapping) => listOf(from.volumes).map(targetOf).sort()
        assert.deepEqual(targets(service), targets(other), name)
        const environment = isMapping(service.environment) ? service.environment : {}
        for (const [key, value] of Object.entries(environment))
          assert.equal((other.environment as Mapping)[key], value, `${name} ${key}`)
      }
    })
  }

  for (const missing of ["DOMAIN", "EMAIL", "MAIL_FROM", "SECRETS_GROUP"]) {
    it(`say what to do when ${missing} is missing`, async () => {
      const { code, output } = await compose({ ...all, [missing]: "" }, "compose.yaml")
      assert.equal(code, 1)
      assert.match(output, missing === "SECRETS_GROUP" ? /\.\/setup first/ : /into \.env/)
    })
  }
})

describe("the judge of Compose files finds", () => {
  const closed = `
    image: example:1.2
    user: "10:10"
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 1m
    pids_limit: 9
    restart: always
    healthcheck: { test: [CMD, "true"] }`
  const store = `${closed.replace("example:1.2", "postgres:17.1")}\n    networks: [data]`
  const networks = "\nnetworks: { data: { internal: true }, out: {} }\n"
  const judge = (...texts: readonly string[]): readonly Finding[] => judgeCompose(readCompose(texts), EDGE)
  const base = (service: string, more = "") => `services:\n  x:${service}${more}\n${networks}`

  it("nothing where nothing is wrong", () => {
    assert.deepEqual(judge(base(closed)), [])
    assert.deepEqual(judge(base(store)), [])
    assert.deepEqual(judge(base(store.replace("networks: [data]", "network_mode: none"))), [])
    for (const port of ['"127.0.0.1:5432:5432"', '"[::1]:5432:5432"', '"127.0.0.1::5432"'])
      assert.deepEqual(judge(base(store, `\n    ports: [${port}]`)), [], port)
    assert.deepEqual(
      judge(base(store, "\n    ports: [{ target: 5432, published: 5432, host_ip: 127.0.0.1 }]")),
      [],
    )
    assert.deepEqual(judge(base(store, '\n    expose: ["5432"]')), [])
    const edge = `services:\n  nginx:${closed}\n    ports: ["80:8080", "443:8443"]\n`
    assert.deepEqual(judge(edge), [])
  })

  const published: readonly string[] = [
    ...[
      '["5432:5432"]',
      "[5432]",
      '["5432"]',
      '["0.0.0.0:5432:5432"]',
      '["[::]:5432:5432"]',
      '["15432:5432/tcp"]',
    ],
    ...[
      '["5430-5435:5432"]',
      '["::5432"]',
      '["192.168.1.5:5432:5432"]',
      "[{ target: 5432, published: 5432 }]",
    ],
    ...["[{ target: 5432, published: 5432, mode: host }]", "[{ target: 5432 }]"],
    ...[
      '[{ target: 5432, published: "5432", host_ip: 0.0.0.0 }]',
      '["127.0.0.1:1:1", "5432:5432"]',
      `["\${PORT:-5432}:5432"]`,
    ],
  ]
  for (const ports of published) {
    it(`a database that is published: ${ports}`, () => {
      assert.deepEqual(
        judge(base(store, `\n    ports: ${ports}`)).map(({ rule }) => rule),
        ["database.published"],
      )
    })
  }

  it("a database that another file publishes, or joins to another network", () => {
    assert.deepEqual(
      judge(base(store), 'services: { x: { ports: ["5432:5432"] } }').map(({ rule }) => rule),
      ["database.published"],
    )
    assert.deepEqual(
      judge(base(store), "services: { x: { networks: [out] } }").map(({ rule }) => rule),
      ["database.network"],
    )
    assert.deepEqual(
      judge(base(store), "networks: { data: { internal: false } }").map(({ rule }) => rule),
      ["database.network"],
    )
  })

  const rows: readonly (readonly [string, string, string])[] = [
    ["a database on a network that leads out", store.replace("[data]", "[data, out]"), "database.network"],
    ["a database on the default network", store.replace("networks: [data]", ""), "database.network"],
    ["a database on a network nobody knows", store.replace("[data]", "[elsewhere]"), "database.network"],
    [
      "a database on the machine's own network",
      store.replace("networks: [data]", "network_mode: host"),
      "network.host",
    ],
    [
      "a database on a stranger's network",
      store.replace("networks: [data]", 'network_mode: "container:y"'),
      "network.host",
    ],
    [
      "a database by another name",
      `${closed.replace("example:1.2", "registry.example/team/my-redis:7.2")}\n    networks: [out]`,
      "database.network",
    ],
    [
      "a database that is built",
      `${store.replace("image: postgres:17.1", "build: .")}\n    ports: ["5432:5432"]`,
      "database.published",
    ],
    ["a port of another service", `${closed}\n    ports: ["8080:80"]`, "ports.published"],
    ["a port of nginx's that is not the edge's", `${closed}\n    ports: ["443:443"]`, "ports.published"],
    ["a container that can be changed", closed.replace("read_only: true", "read_only: false"), "read_only"],
    ["capabilities that are kept", closed.replace("[ALL]", "[NET_RAW]"), "cap_drop"],
    ["capabilities that are added", `${closed}\n    cap_add: [SYS_ADMIN]`, "cap_add"],
    ["rights that can be gained", closed.replace(":true", ":false"), "no-new-privileges"],
    ["root", closed.replace('"10:10"', '"0:0"'), "user"],
    ["a user that the image chooses", closed.replace(/\n\s+user: .*/, ""), "user"],
    ["a user by name", closed.replace('"10:10"', "nobody"), "user"],
    ["a privileged one", `${closed}\n    privileged: true`, "privileged"],
    ["a filter that is off", closed.replace('["no-new', '["seccomp:unconfined", "no-new'), "unconfined"],
    ["the machine's processes", `${closed}\n    pid: host`, "host.namespace"],
    [
      "Docker's own socket",
      `${closed}\n    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]`,
      "docker.socket",
    ],
    ["a folder of the machine to write into", `${closed}\n    volumes: ["./data:/data"]`, "bind.writable"],
    [
      "the same, spelt long",
      `${closed}\n    volumes: [{ type: bind, source: /srv, target: /srv }]`,
      "bind.writable",
    ],
    ["no limit of memory", closed.replace("mem_limit: 1m", ""), "memory"],
    ["no limit of processes", closed.replace("pids_limit: 9", "pids_limit: -1"), "pids"],
    ["nothing that starts it again", closed.replace("restart: always", 'restart: "no"'), "restart"],
    ["nobody who looks after it", closed.replace(/\n\s+healthcheck: .*/, ""), "healthcheck"],
    [
      "a password in the environment",
      `${closed}\n    environment: { POSTGRES_PASSWORD: x }`,
      "environment.secret",
    ],
    [
      "one that comes from a variable",
      `${closed}\n    environment: ["API_TOKEN=\${TOKEN}"]`,
      "environment.secret",
    ],
    ["one that is handed through", `${closed}\n    environment: [NIGHTLATCH_SECRET]`, "environment.secret"],
    [
      "a URL with a password",
      `${closed}\n    environment: { DATABASE: "postgres://a:b@c/d" }`,
      "environment.secret",
    ],
    ["a file of them", `${closed}\n    env_file: .env`, "environment.secret"],
    [
      "one while it is built",
      `${closed}\n    build: { context: ., args: { NPM_TOKEN: x } }`,
      "environment.secret",
    ],
    ["one in a command line", `${closed}\n    command: redis-server --requirepass x`, "environment.secret"],
    [
      "a database that trusts",
      `${closed}\n    environment: { POSTGRES_HOST_AUTH_METHOD: trust }`,
      "database.trust",
    ],
    ["an image that moves", closed.replace("example:1.2", "example:latest"), "image"],
    ["an image without a version", closed.replace("example:1.2", "registry.example:5000/example"), "image"],
    ["a major version alone", closed.replace("example:1.2", "example:17"), "image"],
    ["what another file says", `${closed}\n    extends: { file: other.yaml, service: y }`, "compose.unknown"],
  ]
  for (const [name, service, rule] of rows) {
    it(name, () =>
      assert.deepEqual(
        judge(base(service)).map((finding) => finding.rule),
        [rule],
      ),
    )
  }

  it("a reason that is written, but not for what leads to the data", () => {
    const label = (rule: string, why: string) => `\n    labels: { nightlatch.without.${rule}: ${why} }`
    const root = closed.replace('"10:10"', '"0:0"')
    assert.deepEqual(judge(base(root, label("user", "it opens a raw socket"))), [])
    assert.equal(judge(base(root, label("user", '""'))).length, 1)
    const open = `${store}\n    ports: ["5432:5432"]`
    assert.equal(judge(base(open, label("database.published", "because we say so"))).length, 1)
  })

  it("a file with nothing in it", () => {
    assert.equal(judge("services: {}").length, 1)
    assert.equal(judge(`include: [other.yaml]\nservices:\n  x:${closed}`).length, 1)
  })
})
