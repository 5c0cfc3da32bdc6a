// Sends the forms marked data-in-place without leaving the page. The answer is the page that would have come anyway, so
// everything works the same without this script; what is new in it takes the place of what is shown.
document.addEventListener('submit', async (event) => {
  const form = event.target
  if (!form.matches('form[data-in-place]')) return
  event.preventDefault()
  const focused = event.submitter?.id || document.activeElement?.id
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form, event.submitter)),
      headers: { Accept: 'text/html' }
    })
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
    // Only where the answer is the same page: another one (signing in, say) is gone to.
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) return location.assign(answer.url)
    show(page)
    document.getElementById(focused)?.focus()
    if (document.activeElement === document.body) document.getElementById('main').focus()
  } catch {
    form.submit()
  }
})

function show(page) {
  const said = page.getElementById('status').innerHTML
  const status = document.getElementById('status')
  page.getElementById('status').replaceWith(status)
  document.querySelector('nav').replaceWith(page.querySelector('nav'))
  const main = document.getElementById('main')
  main.replaceChildren(...page.getElementById('main').childNodes)
  // A screen reader says what changes in a region that was there before.
  status.innerHTML = ''
  requestAnimationFrame(() => {
    status.innerHTML = said
  })
}
