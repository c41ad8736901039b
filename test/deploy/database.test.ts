/**
 * The bundle's database as its containers use it: roles, migration, the service, backups and a restore, with a PostgreSQL that
 * asks for passwords on its socket and a Redis with the bundle's own configuration and users.
 */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import {
  chmodSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { after, before, it } from "node:test"
import { createClient } from "redis"
import { freePort, killAll, type Running, ask as request, serve } from "../service/process.ts"
import { type Cluster, canMakeCluster, makeCluster } from "../store/postgres-cluster.ts"
import { ask } from "../store/postgres-server.ts"
import { openScratch, own, type Program, ROOT, run, start, until, withPrograms } from "./programs.ts"

const HBA = `local all all scram-sha-256
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
`
const NIGHTLATCH = `${process.execPath} ${join(ROOT, "src/cli/main.ts")}`
const DOMAIN = "latch.example.com"

withPrograms(
  "the bundle's database",
  ["psql", "pg_dump", "pg_restore", "redis-server", ...(canMakeCluster() ? [] : ["initdb"])],
  () => {
    const scratch = openScratch()
    const socket = scratch.at("socket")
    const secret = (name: string) => scratch.at(join("deploy/secrets", name))
    const backups = scratch.at("backups")
    let cluster: Cluster | undefined
    let redis: Program
    let redisPort = 0
    const admin = (database = "nightlatch") => `postgres://postgres@127.0.0.1:${cluster?.port}/${database}`
    const tests = { as: "tests" } as const
    const roles = () =>
      run(
        ["sh", scratch.at("deploy/database/roles")],
        {
          PGHOST: socket,
          PGPORT: String(cluster?.port),
          PGUSER: "postgres",
          PGDATABASE: "nightlatch",
          LATCH_SECRETS: scratch.at("deploy/secrets"),
          LATCH_NIGHTLATCH: NIGHTLATCH,
        },
        scratch.path,
        tests,
      )
    const nightlatch = (role: string, ...words: readonly string[]) =>
      run(
        [...NIGHTLATCH.split(" "), ...words],
        {
          NIGHTLATCH_DATABASE_FILE: secret(`database-${role}`),
          NIGHTLATCH_STATE_FOLDER: scratch.at("state"),
        },
        scratch.path,
        tests,
      )
    const backup = (word: string, more: Record<string, string> = {}) =>
      run(
        ["sh", scratch.at("deploy/backup/backup"), word],
        {
          NIGHTLATCH_DATABASE_FILE: secret("database-backup"),
          LATCH_BACKUP: backups,
          LATCH_BACKUP_KEEP: "2",
          LATCH_NIGHTLATCH: NIGHTLATCH,
          ...more,
        },
        scratch.path,
        tests,
      )
    const startService = (): Promise<Running> =>
      serve(scratch.path, [], {
        CI: "",
        NIGHTLATCH_ORIGIN: `https://${DOMAIN}`,
        NIGHTLATCH_TRUSTED_PROXIES: "127.0.0.1",
        NIGHTLATCH_MAIL_FROM: "no-reply@example.com",
        NIGHTLATCH_STATE_FOLDER: scratch.at("state"),
        NIGHTLATCH_DATABASE_FILE: secret("database-service"),
        NIGHTLATCH_REDIS_FILE: secret("redis-url"),
        NIGHTLATCH_SECRET_FILE: secret("root-secret"),
        NIGHTLATCH_OPERATOR_TOKEN_FILE: secret("operator-token"),
        NIGHTLATCH_SMTP_URL_FILE: secret("smtp-url"),
      })
    /** A connection with the password of a secret file, for one query. */
    const as = (role: string, query: string) =>
      ask(readFileSync(secret(`database-${role}`), "utf8").trim(), query)

    before(async () => {
      mkdirSync(socket)
      chmodSync(socket, 0o777)
      mkdirSync(backups, { mode: 0o700 })
      mkdirSync(scratch.at("log"))
      chmodSync(scratch.at("log"), 0o777)
      chmodSync(scratch.path, 0o755)
      cluster = await makeCluster({ "pg_hba.conf": HBA }, [
        `unix_socket_directories=${socket}`,
        "logging_collector=on",
        `log_directory=${scratch.at("log")}`,
        "log_statement=all",
        "log_min_duration_statement=0",
      ])
      await cluster?.start()
      const made = await run(["sh", scratch.at("deploy/setup"), "--smtp"], {}, scratch.path, {
        input: "smtp://127.0.0.1:1\n",
        ...tests,
      })
      assert.match(made.output, /made {4}secrets\/smtp-url/)
      redisPort = await freePort()
      // Only where the containers have a name of their own.
      const replace = (name: string, from: string, to: string) => {
        const text = readFileSync(secret(name), "utf8")
        assert.ok(text.includes(from), name)
        chmodSync(secret(name), 0o640)
        writeFileSync(secret(name), text.replace(from, to))
        chmodSync(secret(name), 0o440)
      }
      for (const role of ["owner", "service", "backup"])
        replace(
          `database-${role}`,
          "localhost:5432/nightlatch?host=/var/run/postgresql",
          `localhost:${cluster?.port}/nightlatch?host=${socket}`,
        )
      replace("redis-url", "@redis:6379", `@127.0.0.1:${redisPort}`)
      await ask(admin("postgres"), "CREATE DATABASE nightlatch")
      await ask(
        admin("postgres"),
        `ALTER ROLE postgres PASSWORD '${readFileSync(secret("database-admin"), "utf8").trim()}'`,
      )

      const configuration = readFileSync(scratch.at("deploy/redis/redis.conf"), "utf8")
        .replace("/run/secrets/redis-users", scratch.at("redis-users"))
        .replace("port 6379", `port ${redisPort}`)
        .replace("bind * -::*", "bind 127.0.0.1")
      writeFileSync(scratch.at("redis.conf"), configuration)
      writeFileSync(scratch.at("redis-users"), readFileSync(secret("redis-users")))
      for (const name of ["redis.conf", "redis-users"]) own(scratch.at(name))
      redis = start(["redis-server", scratch.at("redis.conf")], {}, scratch.path, scratch.at("redis.log"))
      await until(
        () => /Ready to accept/.test(redis.output()),
        10,
        () => redis.output(),
      )
    })
    after(async () => {
      killAll()
      await redis.stop()
      await cluster?.remove()
      scratch.remove()
    })

    it("gets its roles from a script that may run again, with rights that end where the work ends", async () => {
      for (let time = 0; time < 2; time++) {
        const { code, output } = await roles()
        assert.equal(code, 0, output)
        assert.equal(/are made/.test(output), time === 0, output)
      }
      const migrated = await nightlatch("owner", "migrate")
      assert.equal(migrated.code, 0, migrated.output)
      assert.equal((await roles()).code, 0)

      await as("service", "SELECT count(*) FROM nightlatch.account")
      await assert.rejects(as("service", "CREATE TABLE nightlatch.x (a int)"), /permission denied/)
      await assert.rejects(as("service", "CREATE TABLE public.x (a int)"), /permission denied/)
      await assert.rejects(as("service", "DROP TABLE nightlatch.account"), /must be owner/)
      await assert.rejects(
        as("service", "COPY nightlatch.account TO PROGRAM 'cat'"),
        /permission denied|must be/,
      )
      await as("backup", "SELECT count(*) FROM nightlatch.account")
      for (const query of [
        "DELETE FROM nightlatch.account",
        "SET default_transaction_read_only = off; DELETE FROM nightlatch.account",
      ])
        await assert.rejects(as("backup", query), /permission denied|read-only/)
      for (const role of ["owner", "service", "backup"]) {
        const [row] = await as(
          role,
          "SELECT rolsuper OR rolcreaterole OR rolcreatedb AS mighty FROM pg_roles WHERE rolname = current_user",
        )
        assert.equal(row?.mighty, false, role)
      }
      await ask(admin(), "CREATE ROLE stranger LOGIN PASSWORD 'x'")
      await assert.rejects(
        ask(`postgres://stranger:x@127.0.0.1:${cluster?.port}/nightlatch`, "SELECT 1"),
        /permission denied for database/,
      )
      await assert.rejects(
        ask(`postgres://nightlatch_service:wrong@127.0.0.1:${cluster?.port}/nightlatch`, "SELECT 1"),
        /password authentication failed/,
      )
    })

    it("never has a password in its log", () => {
      const logs = globSync(join(scratch.at("log"), "*"))
        .map((path) => readFileSync(path, "utf8"))
        .join("\n")
      assert.match(logs, /statement:/)
      for (const role of ["owner", "service", "backup"]) {
        const { password } = new URL(readFileSync(secret(`database-${role}`), "utf8"))
        assert.ok(password.length >= 40 && !logs.includes(password), role)
      }
    })

    it("takes a new password when a secret was made anew", async () => {
      const before = readFileSync(secret("database-backup"), "utf8").trim()
      chmodSync(secret("database-backup"), 0o640)
      writeFileSync(
        secret("database-backup"),
        before.replace(/:[0-9a-f]{40,}@/, `:${"0123456789abcdef".repeat(3)}@`),
      )
      await assert.rejects(as("backup", "SELECT 1"), /password authentication failed/)
      assert.equal((await roles()).code, 0)
      await as("backup", "SELECT 1")
      await assert.rejects(ask(before, "SELECT 1"), /password authentication failed/)
      writeFileSync(secret("database-backup"), "postgres://nightlatch_backup:x'; DROP TABLE y@localhost/z")
      const refused = await roles()
      assert.equal(refused.code, 1)
      assert.doesNotMatch(refused.output, /DROP/)
      writeFileSync(secret("database-backup"), before)
      assert.equal((await roles()).code, 0)
    })

    it("serves with the secrets of setup, and the lines of the checklist hold", async () => {
      const service = await startService()
      const headers = { host: DOMAIN, "x-forwarded-proto": "https", accept: "application/json" }
      const token = readFileSync(secret("operator-token"), "utf8")
      const { status, text } = await request(service.port, "/", {
        headers: { ...headers, authorization: `Bearer ${token}` },
      })
      assert.equal(status, 200, text)
      const { lines } = JSON.parse(text) as { lines: { id: string; state: string; why: string }[] }
      // What is built in part, or not yet, is no matter of this deployment.
      const bad = lines.filter(({ state }) => state === "weakened" || state === "fails")
      assert.deepEqual(bad, [])
      for (const id of ["database", "rate-limit", "secret", "https", "proxy"])
        assert.equal(lines.find((line) => line.id === id)?.state, "holds", id)
      assert.match(lines.find(({ id }) => id === "rate-limit")?.why ?? "", /Redis/)
      const ready = spawn(process.execPath, [scratch.at("deploy/image/ready.js")], {
        env: { NIGHTLATCH_ORIGIN: `https://${DOMAIN}`, PORT: String(service.port) },
      })
      const code = (child: typeof ready) => new Promise((resolve) => child.once("exit", resolve))
      assert.equal(await code(ready), 0)
      assert.equal(await service.stop("SIGTERM"), 0)
      const gone = spawn(process.execPath, [scratch.at("deploy/image/ready.js")], {
        env: { PORT: String(service.port) },
      })
      assert.equal(await code(gone), 1)
    })

    it("shares Redis with nobody who has no password, and gives the service few commands", async () => {
      const url = readFileSync(secret("redis-url"), "utf8").trim()
      const connect = async (address: string) => {
        const client = createClient({ url: address, socket: { reconnectStrategy: false } })
        client.on("error", () => {})
        await client.connect()
        return client
      }
      const client = await connect(url)
      assert.equal(await client.sendCommand(["SET", "nl:x", "1", "PX", "10"]), "OK")
      for (const words of [
        ["FLUSHALL"],
        ["KEYS", "*"],
        ["CONFIG", "GET", "*"],
        ["GET", "other"],
        ["ACL", "LIST"],
        ["SHUTDOWN"],
        ["PUBLISH", "other", "x"],
      ])
        await assert.rejects(client.sendCommand(words), /NOPERM/, words.join(" "))
      client.destroy()
      const plain = await connect(`redis://127.0.0.1:${redisPort}`).catch(() => undefined)
      if (plain !== undefined) {
        await assert.rejects(plain.sendCommand(["GET", "nl:x"]), /NOAUTH|NOPERM/)
        plain.destroy()
      }
      const health = await run(
        [
          "sh",
          "-c",
          `redis-cli -p ${redisPort} --user health --pass none --no-auth-warning ping | grep -q PONG`,
        ],
        {},
        scratch.path,
      )
      assert.equal(health.code, 0, health.output)
    })

    it("is backed up, keeps the newest files, and says when it was not", async () => {
      assert.equal((await backup("check")).code, 1, "no backup yet")
      assert.equal((await nightlatch("service", "user", "invite", "ada@example.com")).code, 0)
      for (let time = 0; time < 3; time++) {
        const { code, output } = await backup("once")
        assert.equal(code, 0, output)
        // Names tell seconds apart.
        await new Promise((later) => setTimeout(later, 1_050))
      }
      const files = readdirSync(backups).sort()
      assert.equal(files.length, 2)
      for (const file of files) assert.equal(statSync(join(backups, file)).mode & 0o777, 0o600)
      assert.equal((await backup("check")).code, 0)
      const early = Date.now() / 1_000 - 90_000
      assert.equal((await backup("check", { LATCH_BACKUP_EVERY: "86400" })).code, 0)
      for (const file of files) utimesSync(join(backups, file), early - 20_000, early - 20_000)
      assert.equal((await backup("check")).code, 1, "the newest is too old")
      const failed = await backup("once", { NIGHTLATCH_DATABASE_FILE: secret("database-admin") })
      assert.notEqual(failed.code, 0)
      assert.deepEqual(readdirSync(backups).sort(), files, "nothing is removed by a backup that failed")
      const keeper = (more: Record<string, string>) =>
        start(
          ["sh", scratch.at("deploy/backup/backup")],
          {
            NIGHTLATCH_DATABASE_FILE: secret("database-backup"),
            LATCH_NIGHTLATCH: NIGHTLATCH,
            LATCH_BACKUP: backups,
            ...more,
          },
          scratch.path,
          scratch.at("keeper.log"),
          "tests",
        )
      const broken = keeper({ NIGHTLATCH_DATABASE_FILE: secret("database-admin") })
      await until(
        () => /it failed; the next attempt is in 10 minutes/.test(broken.output()),
        20,
        broken.output,
      )
      await broken.stop()
      const daily = keeper({ LATCH_BACKUP_EVERY: "1", LATCH_BACKUP_KEEP: "3" })
      const made = () => readdirSync(backups).filter((file) => !files.includes(file))
      await until(() => made().length >= 2, 20, daily.output)
      await daily.stop()
      assert.equal(daily.child.exitCode, 0, daily.output())
      assert.equal((await backup("sometimes")).code, 2)
      assert.equal((await backup("once", { LATCH_BACKUP_KEEP: "x" })).code, 2)
    })

    it("comes back from a backup, and is served by the restricted role again", async () => {
      assert.equal((await nightlatch("service", "user", "invite", "eve@example.com")).code, 0)
      const newest = readdirSync(backups).sort().at(-1) ?? ""
      const restored = await nightlatch("owner", "restore", join(backups, newest))
      assert.equal(restored.code, 0, restored.output)
      assert.equal((await roles()).code, 0)
      const { output } = await nightlatch("service", "user", "list")
      assert.match(output, /ada@example\.com/)
      assert.doesNotMatch(output, /eve@example\.com/)
      const service = await startService()
      assert.equal((await request(service.port, "/readyz", { headers: { host: DOMAIN } })).status, 200)
      await service.stop("SIGTERM")
      await as("backup", "SELECT count(*) FROM nightlatch.account")
      await assert.rejects(as("service", "CREATE TABLE nightlatch.x (a int)"), /permission denied/)
      rmSync(backups, { recursive: true })
    })
  },
)
