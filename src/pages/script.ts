/**
 * Comfort, and nothing that a page needs: the token out of a link's fragment, times in the reader's own zone, a look at the
 * password. It presses no button: a scanner of mails that runs scripts changes nothing.
 */
export const SCRIPT = `(() => {
  const root = document.documentElement
  root.classList.add("js")
  const found = /[#&]token=([\\w-]+)/.exec(location.hash)
  // Out of the address bar, but kept with this entry of the history, so that a reload does not lose it.
  if (found !== null) history.replaceState({ token: found[1] }, "", location.pathname + location.search)
  const token = history.state !== null && typeof history.state === "object" ? history.state.token : undefined
  if (typeof token === "string") root.classList.add("has-token")
  // A page out of the memory of the back button may show a session that has ended.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return
    root.hidden = true
    location.reload()
  })
  addEventListener("DOMContentLoaded", () => {
    const link = document.querySelector(".optional input[name=link]")
    if (link !== null && typeof token === "string") {
      link.value = token
      document.querySelector(".optional input[type=password]").focus()
    }
    for (const time of document.querySelectorAll("time[datetime]")) {
      const language = root.lang === "en" ? navigator.language : root.lang
      const format = { dateStyle: "medium", timeStyle: "short" }
      time.textContent = new Intl.DateTimeFormat(language, format).format(new Date(time.dateTime))
    }
    for (const input of document.querySelectorAll("input[type=password]")) addLook(input)
    for (const form of document.querySelectorAll("form[method=post]")) {
      form.addEventListener("submit", (event) => {
        if (form.dataset.sent === "yes") event.preventDefault()
        form.dataset.sent = "yes"
        setTimeout(() => delete form.dataset.sent, 2000)
      })
    }
  })
  function addLook(input) {
    const frame = document.createElement("div")
    frame.className = "secret"
    const focused = document.activeElement === input
    input.replaceWith(frame)
    const button = document.createElement("button")
    button.type = "button"
    button.innerHTML = '<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.75"><path d="M2 12s3.6-6.5 10-6.5S22 12 22 12s-3.6 6.5-10 6.5S2 12 2 12z"/><circle cx="12" cy="12" r="3"/><path class="bar" d="M4 20 20 4"/></svg>'
    frame.append(input, button)
    if (focused) input.focus()
    const say = () => {
      const shown = input.type === "text"
      button.setAttribute("aria-label", shown ? root.dataset.hide : root.dataset.show)
      button.querySelector(".bar").style.display = shown ? "" : "none"
    }
    say()
    button.addEventListener("click", () => {
      input.type = input.type === "text" ? "password" : "text"
      say()
    })
    input.form.addEventListener("submit", () => {
      input.type = "password"
    })
  }
})()
`
