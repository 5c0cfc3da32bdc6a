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
  showTop(page)
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

function showTop(page) {
  document.querySelector('.top').replaceWith(page.querySelector('.top'))
  learnEnd()
}

// --- other windows ---

/** The stream of what happens to the cart, while this window is seen and there is a session. */
let stream
/** How long another window's answer, and the cookie with it, may take after its session ended. */
const COOKIE_MS = 1000

function follow() {
  if (document.hidden || leaving || !isLive()) return unfollow()
  if (stream) return
  windows.postMessage('live')
  stream = new EventSource('/cart/events')
  stream.addEventListener('cart', ({ data }) => {
    if (JSON.parse(data).revision !== revision()) refresh()
  })
  // Signed in, signed out, or revoked elsewhere: what is shown may be nobody's business any more. Where another window of this
  // browser did it, its answer with the new cookie is still on its way: to come with the old one looks like a stolen one.
  stream.addEventListener('ended', () => {
    unfollow()
    setTimeout(() => refresh(true), COOKIE_MS)
  })
  // Another window took the place: this one looks again when it is looked at.
  stream.addEventListener('replaced', unfollow)
}

/** Windows that were there before the session: they hear from the others that there is one now. */
const windows = new BroadcastChannel('shop')
windows.addEventListener('message', ({ data }) => {
  if (!isLive()) refresh()
  // What one of them asked for put off the end for all.
  else if (data.at && isSignedIn(document)) takeEnd(data)
})

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
    if (answer.redirected) return location.assign(ended && answer.url.includes('/login?') ? `${answer.url}&ended` : answer.url)
    // Whoever was about to order goes on there, once signed in again.
    const key = document.querySelector('[name=idempotencyKey]')
    const signedOut = ended && isSignedIn(document) && !isSignedIn(page)
    if (signedOut && key) return location.assign(`/login?ended&next=${encodeURIComponent(`/cart?key=${key.value}`)}`)
    if (signedOut && !answer.ok) return location.assign('/')
    const focused = document.activeElement?.id
    // The answer to a form stands at an address where there may be no page.
    if (!answer.ok || (isTyping() && !signedOut)) showTop(page)
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

// --- the end of the session ---

const WARN_MS = 120_000
/** When the session of a user ends, by this browser's clock, and whether nothing puts it off. */
let end

/** Takes the end from the page, and tells the other windows. */
function learnEnd() {
  const { endsIn, final } = document.querySelector('.top').dataset
  if (endsIn === undefined) return end && takeEnd(ending && { at: 0 })
  const next = { at: Date.now() + Number(endsIn), final: final !== undefined }
  takeEnd(next)
  windows.postMessage(next)
}

function takeEnd(next) {
  end = next
  checkEnd()
}

function checkEnd() {
  const left = end ? Math.ceil((end.at - Date.now()) / 1000) * 1000 : Infinity
  if (left > WARN_MS) return hideEnding()
  if (left > 0) showEnding(end.final ? 'final' : 'idle', left)
  else if (showEnding('over') && isSignedIn(document)) refresh(true)
}
setInterval(checkEnd, 1000)

const ENDINGS = {
  idle: 'You will be signed out soon, because nothing was asked for a while.',
  final: 'Your session ends soon. It cannot be extended, but your cart is kept.',
  over: 'Your session has ended. Your cart is kept.'
}
/** What is said of the end, fixed above the page, so that nothing moves. */
let ending

/** @returns whether it was not said yet */
function showEnding(how, left) {
  if (!ending) {
    ending = document.createElement('section')
    ending.className = 'ending'
    ending.ariaLabel = 'Your session'
    // Read out when it is another one: a countdown that is read out each second leaves no room for anything else.
    ending.innerHTML = '<p><span role="status"></span> <span role="timer"></span></p>'
    document.querySelector('.skip').after(ending)
  }
  const [status, timer] = ending.querySelectorAll('span')
  timer.textContent = left ? `${Math.floor(left / 60_000)}:${String((left / 1000) % 60).padStart(2, '0')}` : ''
  if (ending.dataset.how === how) return false
  ending.dataset.how = how
  requestAnimationFrame(() => (status.textContent = ENDINGS[how]))
  const action = document.createElement(how === 'idle' ? 'button' : 'a')
  action.textContent = { idle: 'Stay signed in', final: 'Sign in again', over: 'Sign in' }[how]
  action.className = how === 'idle' ? 'main' : 'button main'
  if (how === 'idle') action.addEventListener('click', () => refresh())
  else action.href = `/login?${how === 'over' ? 'ended&' : ''}next=${encodeURIComponent(location.pathname + location.search)}`
  const before = ending.children[1]
  const hadFocus = before === document.activeElement
  before?.remove()
  ending.append(action)
  if (hadFocus) action.focus()
  return true
}

function hideEnding() {
  if (ending?.contains(document.activeElement)) byId('main').focus()
  ending?.remove()
  ending = undefined
}
learnEnd()
