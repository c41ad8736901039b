/**
 * The keys of one purpose, one for each root secret: the first signs, all verify. A rotation puts another list in the place
 * of this one while requests run: who keeps the list keeps yesterday's keys, so it is read where it is used.
 */
export interface Keys {
  readonly list: readonly Uint8Array[]
}

/** What is made from keys, made anew when there are others and not before. */
export function derived<Made>(keys: Keys, make: (list: readonly Uint8Array[]) => Made): () => Made {
  let { list } = keys
  let made = make(list)
  return () => {
    if (list !== keys.list) {
      made = make(keys.list)
      list = keys.list
    }
    return made
  }
}
