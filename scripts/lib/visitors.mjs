// Made-up visitors for `npm run dev -- --visitors N`: each looks around, fills a cart, and some sign in.
import { say } from './say.mjs'

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1'
]
const pick = (list) => list[Math.floor(Math.random() * list.length)]

/**
 * Sends visitors to the shop until told to stop.
 * @returns {() => void} ends it
 */
export function visit(url, count) {
  const stop = new AbortController()
  const { signal } = stop
  const pause = (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
  const visitor = async () => {
    while (!signal.aborted) {
      const send = client(url, pick(AGENTS), signal)
      const steps = 5 + Math.floor(Math.random() * 20)
      if (Math.random() < 0.2) await send('POST', '/login', { username: 'user', password: 'userpass' })
      for (let step = 0; step < steps && !signal.aborted; step++) {
        const [method, path, body] = pick([
          ['GET', '/'],
          ['GET', '/products'],
          ['GET', '/cart'],
          ['POST', '/cart/add', { productId: 1 + Math.floor(Math.random() * 3) }],
          ['DELETE', `/cart/remove/${1 + Math.floor(Math.random() * 3)}`]
        ])
        await send(method, path, body)
        await pause(500 + Math.random() * 3000)
      }
    }
  }
  say(`${count} visitors are on their way to ${url}.`)
  for (let i = 0; i < count; i++) pause(Math.random() * 3000).then(visitor)
  return () => stop.abort()
}

/** One browser: keeps its cookie; what the shop answers, or that it is starting again just now, is all the same to it. */
function client(url, agent, signal) {
  let cookie = ''
  return async (method, path, body) => {
    try {
      const response = await fetch(url + path, {
        method,
        signal,
        headers: { 'user-agent': agent, cookie, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body)
      })
      for (const line of response.headers.getSetCookie()) cookie = line.split(';', 1)[0]
      await response.arrayBuffer()
    } catch {
      // not there: tries again with its next step
    }
  }
}
