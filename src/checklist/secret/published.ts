/**
 * Secrets that stand in documentation, tutorials, standards and defaults. Attackers have these lists; a token signed with
 * one of them is signed by everybody. Compared without case and punctuation, also when written as hex or base64.
 */

/** Whole texts, as they were published. */
const TEXTS = [
  // jwt.io
  "your-256-bit-secret",
  "your-384-bit-secret",
  "your-512-bit-secret",
  "a-string-secret-at-least-256-bits-long",
  "a-valid-string-secret-that-is-at-least-384-bits-long",
  "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
  // RFC 7515 A.1 and A.3, RFC 7517 A.3, RFC 7520 3.5, RFC 8032 7.1 (hex) and RFC 8037 A.1
  "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
  "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X8fCE9-E9LI",
  "GawgguFyGrWKav7AX4VKUg",
  "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
  "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
  "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
  // Bytes that count upwards: the key of half of all test vectors
  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  // FastAPI's tutorial, and the tutorial most Spring services start from
  "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
  "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
  // Supabase, Directus, iron-session, @fastify/secure-session, Symfony, Superset, better-auth, NestJS
  "super-secret-jwt-token-with-at-least-32-characters-long",
  "255d861b-5ea1-5996-9aa3-922530ec40b1",
  "6116487b-cda1-52c2-b5b5-c8022c45e263",
  "complex_password_at_least_32_characters_long",
  "averylogphrasebiggerthanthirtytwochars",
  "ThisTokenIsNotSoSecretChangeIt",
  "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
  "thisISaSECRET_1234",
  "better-auth-secret-123456789",
  "better-auth-secret-12345678901234567890",
  "DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE.",
  // Express, Hono, Fastify, Elysia, Strapi, Airflow
  "keyboard cat",
  "it-is-very-secret",
  "supersecret",
  "Fischl von Luftschloss Narfidort",
  "tobemodified",
  "temporary_key",
  // What people type
  "secret",
  "mysecret",
  "my-secret-key",
  "jwt-secret",
  "secret-key",
  "password",
  "development",
  "test-secret",
]

/** Parts that only a placeholder has. Seven letters at least: chance puts no such word into a random text. */
const PARTS = [
  "changeme",
  "changethis",
  "changeit",
  "replaceme",
  "replacethis",
  "replacewith",
  "placeholder",
  "yoursecret",
  "yourjwt",
  "yourrandom",
  "mysecret",
  "supersecret",
  "verysecret",
  "topsecret",
  "jwtsecret",
  "secretkey",
  "notsecret",
  "insecure",
  "example",
  "donotuse",
  "atleast32",
  "32characters",
  "256bitsecret",
  "keyboardcat",
  "password",
  "letmein",
  "qwertyuiop",
  "loremipsum",
]

const KNOWN: ReadonlySet<string> = new Set(TEXTS.map(plain))

/** Whether the text, or what it encodes, was published or holds a placeholder. */
export function isPublished(text: string): boolean {
  return readings(text).some((reading) => KNOWN.has(reading) || PARTS.some((part) => reading.includes(part)))
}

function readings(text: string): readonly string[] {
  const all = [plain(text)]
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) all.push(plain(Buffer.from(text, "hex").toString("latin1")))
  if (/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) all.push(plain(Buffer.from(text, "base64").toString("latin1")))
  return all.filter((reading) => reading !== "")
}

function plain(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "")
}
