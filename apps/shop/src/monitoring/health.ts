import { setTimeout as wait } from 'node:timers/promises'
import { Router } from 'express'
import { at, HttpError } from '../http.ts'

const PATIENCE_MS = 2_000

/** Something that the shop cannot work without. */
export type Check = () => Promise<unknown>

/** Whether the process lives, and whether it can serve: for whoever restarts it, and whoever sends it requests. */
export function healthRouter(checks: Readonly<Record<string, Check>>): Router {
  const router = Router()

  at(router, '/healthz', {
    get: (_req, res) => {
      res.set('Cache-Control', 'no-store').json({ status: 'ok' })
    }
  })

  at(router, '/readyz', {
    get: async (_req, res) => {
      const answers = await Promise.all(
        Object.entries(checks).map(async ([store, check]) => ({ store, ready: await answersInTime(check) }))
      )
      const failing = answers.filter(({ ready }) => !ready).map(({ store }) => ({ store, message: 'does not answer' }))
      if (failing.length > 0) throw new HttpError(503, 'Not ready', { details: failing })
      res.set('Cache-Control', 'no-store').json({ status: 'ok' })
    }
  })

  return router
}

async function answersInTime(check: Check): Promise<boolean> {
  const late = new AbortController()
  try {
    await Promise.race([
      check(),
      wait(PATIENCE_MS, undefined, { signal: late.signal, ref: false }).then(() => {
        throw new Error('too late')
      })
    ])
    return true
  } catch {
    return false
  } finally {
    late.abort()
  }
}
