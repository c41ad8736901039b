/** What only the browser can tell: its address bar, its clock, whether cookies of each kind come back. It changes nothing. */
export const DIAGNOSIS_SCRIPT = `(async () => {
  const root = document.getElementById("diagnosis")
  const say = root.dataset
  const verdict = document.getElementById("verdict")
  const [title, what, fix] = verdict.children
  function show(state, ...texts) {
    verdict.className = "verdict " + state
    for (const [index, text] of texts.entries()) [title, what, fix][index].textContent = text
  }
  function set(name, good, values = {}) {
    const item = root.querySelector('[data-check="' + name + '"]')
    item.className = good ? "good" : "bad"
    for (const [key, value] of Object.entries(values)) {
      for (const text of ["bad", "fix"]) item.dataset[text] = item.dataset[text].replaceAll("{" + key + "}", value)
    }
    item.querySelector("p").textContent = good ? item.dataset.good : item.dataset.bad
    item.querySelector(".mark").textContent = good ? say.good : say.bad
  }
  async function test() {
    if (location.origin !== say.origin) set("origin", false, { seen: location.origin })
    const planted = await fetch(say.probe, { method: "POST" })
    const code = planted.ok ? "" : ((await planted.json().catch(() => ({}))).code ?? String(planted.status))
    set("csrf", planted.ok, { code })
    const began = performance.now()
    const answer = await fetch(say.probe)
    const { seen, missing, now } = await answer.json()
    // The answer was written about half way between.
    const apart = Math.round(Math.abs(now + (performance.now() - began) / 2 - Date.now()) / 1000)
    set("clock", apart <= 60, { seconds: String(apart) })
    if (!planted.ok) return
    const needed = missing.filter((kind) => kind !== "Partitioned")
    set("cookies", seen.length > 0)
    if (seen.length > 0) set("someCookies", needed.length === 0, { missing: needed.join(", ") })
    document.getElementById("partitioned").textContent = seen.includes("Partitioned") ? say.yes : say.no
  }
  if (root.querySelector("li.bad") === null) show("unknown", say.title, say.testing, "")
  try {
    await test()
  } catch (error) {
    set("csrf", false, { code: String(error) })
  }
  const first = root.querySelector("li.bad")
  if (first === null) show("good", say.title, say.well, say.wellFix)
  else show("bad", say.change, first.dataset.bad, first.dataset.fix)
  root.dataset.tested = "yes"
})()
`
