// Everything works the same without this script. With it, forms marked data-in-place are sent without leaving the page, and a
// page follows what other windows of the same session do to the cart. In both cases what is fetched is the page that would have
// come anyway; what is new in it takes the place of what is shown.
'use strict'

const byId = (id) => document.getElementById(id)
/** What of a page this script replaces. */
const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), 'text/html')
const revision = () => byId('cart-link').dataset.revision
const isLive = () => byId('cart-link').hasAttribute('data-live')
/** How many forms are on their way. */
let sending = 0
/** Whether this window is on its way to another page by a form, which nothing may overtake. */
let leaving = false

document.addEventListener('submit', async (event) => {
  const form = event.target
  if (!form.matches('form[data-in-place]')) {
    leaving = true
    return unfollow()
  }
  event.preventDefault()
  const focused = event.submitter?.id || document.activeElement?.id
  sending++
  try {
    const answer = await fetch(form.action, {
      method: 'POST',
      body: new URLSearchParams(new FormData(form, event.submitter)),
      headers: { Accept: 'text/html' }
    })
    // Only where the answer is the same page: another one (signing in, say) is gone to.
    if (answer.redirected && new URL(answer.url).pathname !== location.pathname) return location.assign(answer.url)
    show(await parsed(answer), true)
    byId(focused)?.focus()
    if (document.activeElement === document.body) byId('main').focus()
  } catch {
    form.submit()
  } finally {
    sending--
    follow()
  }
})

/** @param says whether what the page says is for this window */
function show(page, says) {
  const said = page.getElementById('status')
  const status = byId('status')
  document.title = page.title
  document.querySelector('.top').replaceWith(page.querySelector('.top'))
  const main = byId('main')
  const fresh = page.getElementById('main')
  said.replaceWith(status)
  main.replaceChildren(...fresh.childNodes)
  if (!says) return
  // A screen reader says what changes in a region that was there before.
  status.innerHTML = ''
  // Above the page, so that nothing moves away from under the pointer.
  status.className = 'floating'
  requestAnimationFrame(() => status.replaceChildren(...said.childNodes))
  clearTimeout(fading)
  fading = setTimeout(() => status.replaceChildren(), 8_000)
}
let fading

// --- other windows ---

/** The stream of what happens to the cart, while this window is seen and there is a session. */
let stream

function follow() {
  if (document.hidden || leaving || !isLive()) return unfollow()
  if (stream) return
  windows.postMessage('live')
  stream = new EventSource('/cart/events')
  stream.addEventListener('cart', ({ data }) => {
    if (JSON.parse(data).revision !== revision()) refresh()
  })
  // Signed in, signed out, or revoked elsewhere: what is shown may be nobody's business any more.
  stream.addEventListener('ended', () => {
    unfollow()
    refresh(true)
  })
  // Another window took the place: this one looks again when it is looked at.
  stream.addEventListener('replaced', unfollow)
}

/** Windows that were there before the session: they hear from the others that there is one now. */
const windows = new BroadcastChannel('shop')
windows.addEventListener('message', () => isLive() || refresh())

function unfollow() {
  stream?.close()
  stream = undefined
}

let refreshing
/**
 * Fetches this page again, and shows it unless somebody is just typing into it.
 * @param ended whether the session is over
 */
async function refresh(ended = false) {
  if (sending > 0 || leaving || refreshing) return
  refreshing = true
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html', 'Shop-Refresh': '1' } })
    const page = await parsed(answer)
    if (sending > 0 || leaving) return
    if (answer.redirected) return location.assign(answer.url)
    // Whoever was about to order goes on there, once signed in again.
    const key = document.querySelector('[name=idempotencyKey]')
    const signedOut = ended && isSignedIn(document) && !isSignedIn(page)
    if (signedOut && key) return location.assign(`/login?ended&next=${encodeURIComponent(`/cart?key=${key.value}`)}`)
    if (signedOut && !answer.ok) return location.assign('/')
    const focused = document.activeElement?.id
    // The answer to a form stands at an address where there may be no page.
    if (!answer.ok || (isTyping() && !signedOut)) document.querySelector('.top').replaceWith(page.querySelector('.top'))
    else show(page, false)
    if (focused) byId(focused)?.focus()
  } catch {
    // The next change, or the next look, tries again.
  } finally {
    refreshing = false
    follow()
  }
}

const isSignedIn = (page) => page.querySelector('form[action="/logout"]') !== null

/** Whether a field holds something else than the page came with. */
function isTyping() {
  return [...document.querySelectorAll('main input:not([type=hidden])')].some((input) => input.value !== input.defaultValue)
}

document.addEventListener('visibilitychange', follow)
addEventListener('pagehide', unfollow)
// From the browser's own memory, as after the Back button: it is what was there then.
addEventListener('pageshow', (event) => {
  leaving = false
  return event.persisted ? refresh() : follow()
})
