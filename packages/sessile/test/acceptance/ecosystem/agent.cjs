'use strict'
// A small browser for the projects beside it: keeps cookies, follows nothing.
const { once } = require('node:events')

exports.SETTINGS = { secret: 'x'.repeat(32), resave: false, saveUninitialized: false }

exports.listen = async (app) => {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${server.address().port}` }
}

exports.Agent = class Agent {
  constructor(url) {
    this.url = url
    this.cookies = new Map()
  }

  get cookie() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async ask(path, { body, form, ...options } = {}) {
    const headers = { cookie: this.cookie, ...(body && { 'content-type': 'application/json' }), ...options.headers }
    const response = await fetch(this.url + path, {
      redirect: 'manual',
      method: body || form ? 'POST' : 'GET',
      ...options,
      headers,
      body: form ? new URLSearchParams(form) : body && JSON.stringify(body)
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';')
      const name = pair.slice(0, pair.indexOf('='))
      if (/expires=thu, 01 jan 1970/i.test(line)) this.cookies.delete(name)
      else this.cookies.set(name, pair.slice(name.length + 1))
    }
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
}

/** Runs the program, says that it held, and ends whatever its packages leave running. */
exports.run = (main) =>
  main().then(
    () => {
      console.log('fine')
      process.exit(0)
    },
    (error) => {
      console.error(error)
      process.exit(1)
    }
  )
