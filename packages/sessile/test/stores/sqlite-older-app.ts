/** An app of express-session and an older package's store in a process of its own, beside ours: run by the tests of a rollout. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import session from 'express-session'
import { serve } from '../serve.ts'
import { OLDER_PACKAGES } from './sqlite-older-harness.ts'

export const OPTIONS = { secret: 'teal lantern', resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }

/** Starts one. @returns where it listens: `/set?a=1` sets attributes, anything else reads them */
export async function startOlderApp(name: string, file: string): Promise<{ port: number; process: ChildProcess }> {
  const child = fork(fileURLToPath(import.meta.url), [name, file])
  const [port] = (await once(child, 'message')) as [number]
  return { port, process: child }
}

/** Answers with the app's attributes as JSON, once those that are asked for are set. */
export function answer(req: any, res: any): void {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost')
  if (pathname === '/set') Object.assign(req.session, Object.fromEntries(searchParams))
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ ...req.session, cookie: undefined, '~': undefined }))
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , name, file] = process.argv
  const { open } = OLDER_PACKAGES.find((one) => one.name === name)!
  // as long as the libraries that these packages use wait for others by themselves
  const store = open(new DatabaseSync(file!, { timeout: 5000 }))
  const middleware = session({ ...OPTIONS, store: store as never })
  const server = await serve(
    (req, res) => void middleware(req as never, res as never, (error) => (error ? res.destroy() : answer(req, res)))
  )
  process.send(server.port)
}
