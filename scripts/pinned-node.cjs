// npm scripts run on the Node of the "node" devDependency. This file is plain CommonJS, so that any Node can say
// what is wrong when that one is missing.
const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 24 || (major === 24 && minor < 7)) {
  console.error(
    `Nightlatch needs Node 24.7 or newer; this is ${process.version}.\n` +
      "The pinned Node should be in node_modules. Run: npm rebuild node   (or npm ci, with install scripts allowed for it)",
  )
  process.exit(1)
}
