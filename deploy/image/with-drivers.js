// Makes the two optional drivers dependencies like the others and takes away what is for development, in package.json and in
// the lock file alike: `npm ci` then installs what the image needs, in the locked versions, and `npm sbom` lists it. Run
// while the image is built, in a copy.
import { readFileSync, writeFileSync } from "node:fs"

const DRIVERS = ["pg", "redis"]

function move(manifest) {
  for (const name of DRIVERS) {
    const range = manifest.devDependencies?.[name]
    if (range === undefined) throw new Error(`package.json has no ${name}`)
    manifest.dependencies[name] = range
    delete manifest.peerDependencies?.[name]
    delete manifest.peerDependenciesMeta?.[name]
  }
  delete manifest.devDependencies
}

const read = (path) => JSON.parse(readFileSync(path, "utf8"))
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)

const manifest = read("package.json")
move(manifest)
const lock = read("package-lock.json")
move(lock.packages[""])

// From where a package looks for another one: its own folder, then those around it.
function find(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`
    if (lock.packages[path] !== undefined) return path
    if (folder === "") return undefined
  }
}

const wanted = DRIVERS.map((name) => find("", name))
for (const path of wanted) {
  const entry = lock.packages[path]
  delete entry.dev
  for (const name of Object.keys({
    ...entry.dependencies,
    ...entry.optionalDependencies,
    ...entry.peerDependencies,
  })) {
    const other = find(path, name)
    if (other !== undefined && !wanted.includes(other)) wanted.push(other)
  }
}

for (const [path, { dev }] of Object.entries(lock.packages)) if (dev === true) delete lock.packages[path]

write("package.json", manifest)
write("package-lock.json", lock)
