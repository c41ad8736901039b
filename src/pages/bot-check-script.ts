/**
 * Answers the challenge of a form: the proof of work in a worker, or the provider's own widget. Says in words what happens,
 * holds the button until there is an answer, and presses it by itself only where a person has pressed it before.
 */
export const BOT_CHECK_SCRIPT = `(() => {
  const box = document.querySelector("[data-bot-check]")
  const form = box.closest("form")
  const field = box.querySelector("input")
  const status = box.querySelector("[role=status]")
  const again = box.querySelector("button")
  const { challenge, widget, worker, go, words } = JSON.parse(box.dataset.botCheck)
  const own = form.querySelector("button:not([type])")
  let pressed = go ? own : undefined
  let working = false
  let timer
  const say = (text) => {
    status.textContent = text
  }
  function fail() {
    clearTimeout(timer)
    working = false
    pressed = undefined
    say(words.failed)
    again.hidden = false
  }
  function solve() {
    working = true
    again.hidden = true
    say(words.working)
    timer = setTimeout(() => say(words.slow), 6000)
    let helper
    try {
      helper = new Worker(worker)
    } catch {
      return fail()
    }
    helper.onerror = fail
    helper.onmessage = ({ data: number }) => {
      helper.terminate()
      if (number < 0) return fail()
      clearTimeout(timer)
      working = false
      const { algorithm, salt, signature } = challenge
      field.value = btoa(JSON.stringify({ algorithm, challenge: challenge.challenge, number, salt, signature }))
      say(words.done)
      if (pressed) form.requestSubmit(pressed)
    }
    helper.postMessage(challenge)
  }
  function load() {
    again.hidden = true
    say(words.widget)
    const room = box.querySelector(".widget")
    room.replaceChildren()
    globalThis.nightlatchBotCheck = () => {
      window[widget.global].render(room, {
        ...widget.parameters,
        callback: () => say(words.done),
        "expired-callback": () => say(words.widget),
        "error-callback": fail,
      })
    }
    if (window[widget.global]) return globalThis.nightlatchBotCheck()
    const script = document.createElement("script")
    script.src = widget.script + "?render=explicit&onload=nightlatchBotCheck"
    script.onerror = () => {
      script.remove()
      fail()
    }
    document.head.append(script)
  }
  const start = widget ? load : solve
  again.addEventListener("click", start)
  form.addEventListener("submit", (event) => {
    // Another button of the form sends something else, which asks for itself.
    if (!working || (event.submitter ?? own).hasAttribute("formaction")) return
    event.preventDefault()
    event.stopImmediatePropagation()
    pressed = event.submitter ?? own
  })
  start()
})()
`
