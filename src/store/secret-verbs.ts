import type { NewEvent } from "../core/event.ts"

/** A root secret as the database knows it: by an id that tells nothing about it. */
export interface KnownSecret {
  readonly id: string
  /** When a process first had it. */
  readonly knownAt: number
  /** When one last had it in the first place; undefined when none ever had. */
  readonly signedAt: number | undefined
}

/** A running process that has a root secret. */
export interface SecretHolder {
  readonly instance: string
  /** Host and process, for an operator. */
  readonly address: string
  readonly secret: string
  /** 0 signs. */
  readonly place: number
  readonly since: number
}

/** What the database is told of root secrets, and tells an operator. */
export interface SecretVerbs {
  /**
   * Says which root secrets a process has, in their order; each minute, and when they change. A secret that no living process
   * has any more is told once, to whoever comes next.
   */
  noteSecrets(input: {
    readonly instance: string
    readonly address: string
    readonly secrets: readonly string[]
    /** Written when one was not known before, but for a database that knows none. */
    readonly added: readonly NewEvent[]
    /** Written when one is gone. */
    readonly removed: readonly NewEvent[]
  }): Promise<{ readonly now: number; readonly removed: readonly KnownSecret[] }>
  /** The process ends. */
  leaveSecrets(instance: string): Promise<void>
  /** Which root secrets living processes have or had until now, oldest first, and who has which. */
  listSecrets(): Promise<{
    readonly now: number
    readonly secrets: readonly KnownSecret[]
    readonly holders: readonly SecretHolder[]
  }>
}
