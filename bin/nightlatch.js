#!/usr/bin/env node
// Plain JavaScript on purpose, and nothing imported at the top: any Node since 12.17 can read this file and say what it needs.
const found = process.versions.node.split(".").map(Number)

if (found[0] < 24 || (found[0] === 24 && found[1] < 7)) {
  console.error(`Nightlatch needs Node 24.7 or newer; this is ${process.version}.`)
  console.error("Get it from https://nodejs.org, or in a project: npm install --save-dev node@24")
  process.exitCode = 1
} else {
  import("../dist/cli/main.js").catch((error) => {
    if (error.code === "ERR_MODULE_NOT_FOUND" && String(error.message).includes("main.js' imported from")) {
      console.error(
        "This copy of Nightlatch is not built. In the repository: npm run nightlatch -- <command>",
      )
    } else {
      console.error(error)
    }
    process.exitCode = 1
  })
}
