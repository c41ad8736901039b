/** One step of the page's "try it": a command that works when pasted, and what it answers. */
export interface TryStep {
  readonly title: string
  readonly about: string
  readonly command: string
  readonly answer: string
}

export interface TryInput {
  readonly origin: string
  readonly basePath: string
  /** A file only the person who started the service can read; the key itself never stands on the page. */
  readonly inboxKeyFile: string | undefined
  readonly toleratedDelaySeconds: number
  /** How this copy runs its command line, for example `npx nightlatch`. */
  readonly commandLine: string
}

/** The life of a session as curl lines: register, sign in, refresh, steal, be caught. */
export function trySteps(input: TryInput): readonly TryStep[] {
  const base = `${input.origin}${input.basePath}`
  const json = "-H 'content-type: application/json'"
  const post = "-X POST -H 'x-nightlatch: 1'"
  // The session protocol coalesces refreshes younger than this; the parent is a retry until twice the delay has passed.
  const wait = Math.ceil(3 * input.toleratedDelaySeconds + 1)
  const key =
    input.inboxKeyFile === undefined ? "the-key-the-service-printed" : `$(cat ${quote(input.inboxKeyFile)})`
  return [
    {
      title: "Register",
      about: "Always the same answer, whoever asks. The link goes to the mailbox.",
      command: lines(`curl -i ${base}/register`, `${json}`, `-d '{"email":"ada@example.com"}'`),
      answer: "202",
    },
    {
      title: "Read the mail",
      about: "In development it lands in an inbox that only you can open.",
      command: `${lines(
        `TOKEN=$(curl -s ${base}/dev/inbox`,
        `-H 'accept: application/json'`,
        `-H "authorization: Bearer ${key}"`,
        "| grep -o '#token=[A-Za-z0-9_.~-]*' | head -1 | cut -d= -f2)",
      )}\necho $TOKEN`,
      answer: "the token of the link",
    },
    {
      title: "Choose a password",
      about: "Whoever proves the mailbox chooses it, and is signed in.",
      command: lines(
        `curl -i ${base}/register/complete`,
        json,
        `-d '{"token":"'$TOKEN'","password":"violet kettle ninety moss"}'`,
      ),
      answer: "201",
    },
    {
      title: "Sign in",
      about: "Two cookies come back; curl keeps them in a jar, like a browser.",
      command: `JAR=$(mktemp) STOLEN=$(mktemp)\n${lines(
        `curl -i -c $JAR ${base}/login`,
        json,
        `-d '{"email":"ada@example.com","password":"violet kettle ninety moss"}'`,
      )}`,
      answer: '200 {"userId": …}',
    },
    {
      title: "Who am I?",
      about: "Answered from the access token alone, without a look into the database.",
      command: `curl -i -b $JAR ${base}/me`,
      answer: '200 {"userId": …, "methods": ["pwd"], …}',
    },
    {
      title: "Refresh",
      about: "A thief copies the jar first. Then the refresh token is replaced by its successor.",
      command: `cp $JAR $STOLEN\n${lines(`curl -i -b $JAR -c $JAR ${base}/refresh`, post)}`,
      answer: "200",
    },
    {
      title: "Refresh again",
      about: `Refreshes within ${wait} s share one rotation, so that no tab is signed out.`,
      command: `sleep ${wait}\n${lines(`curl -i -b $JAR -c $JAR ${base}/refresh`, post)}`,
      answer: "200",
    },
    {
      title: "Be the thief",
      about: "The stolen token is two generations old: the session ends for both.",
      command: `${lines(`curl -i -b $STOLEN ${base}/refresh`, post)}\ncurl -b $JAR ${base}/me`,
      answer: '401 "code":"session.ended", and the access token in the other jar is dead as well',
    },
    {
      title: "What happened",
      about: "Written in the same transaction as the end of the session.",
      command: `${input.commandLine} events`,
      answer: "An old refresh token was used again: the session was ended",
    },
  ]
}

/** One command over several lines of a POSIX shell. */
function lines(...parts: readonly string[]): string {
  return parts.join(" \\\n  ")
}

/** For a POSIX shell: everything literal. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
