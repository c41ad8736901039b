import { storeContract } from "../../src/testing/store-contract.ts"
import { plantImpostors } from "./impostors.ts"
import { openOnClock } from "./postgres-clock.ts"
import { withServer } from "./postgres-server.ts"

withServer("postgres: the contract", () =>
  storeContract("PostgreSQL", (clock) =>
    openOnClock(clock, async ({ url, service }) => {
      await plantImpostors(url)
      return service
    }),
  ),
)
