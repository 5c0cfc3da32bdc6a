import { type Request, type RequestHandler, Router } from 'express'
import * as client from 'prom-client'
import { metrics as sessionMetrics } from 'sessile/monitor'
import { at } from '../http.ts'
import type { Sessions } from '../sessions.ts'
import type { Mark } from './marks.ts'

/** What Prometheus is told. Labels are words from fixed lists: never a path, a user or a handle. */
export interface Metrics {
  /** Measures each request that passes. */
  readonly measure: RequestHandler
  /** Counts what became of a cart. */
  mark(name: Mark): void
  /** `GET /metrics` */
  readonly show: RequestHandler
}

/** The process, its requests and its sessions, in a registry of their own. */
export function createMetrics(sessions: Sessions): Metrics {
  const register = new client.Registry()
  client.collectDefaultMetrics({ register })
  sessionMetrics({ sessions, client, register })
  const duration = new client.Histogram({
    name: 'shop_request_duration_seconds',
    help: 'Time until an answer was sent.',
    labelNames: ['method', 'route', 'status'],
    registers: [register]
  })
  const carts = new client.Counter({
    name: 'shop_carts_total',
    help: 'Carts that were begun, left by guests whose session ran out, and ordered.',
    labelNames: ['event'],
    registers: [register]
  })

  return {
    mark: (event) => carts.inc({ event }),
    measure(req, res, next) {
      const stop = duration.startTimer()
      res.once('finish', () => stop({ method: req.method, route: routeOf(req), status: res.statusCode }))
      next()
    },
    async show(_req, res) {
      res.set({ 'Cache-Control': 'no-store', 'Content-Type': register.contentType }).end(await register.metrics())
    }
  }
}

/** `GET /metrics`, for whom the guards let through. */
export function metricsRouter({ show }: Metrics, guards: RequestHandler[] = []): Router {
  const router = Router()
  at(router, '/metrics', guards, { get: show })
  return router
}

/** The pattern of the route that answered: there are only so many of them. */
function routeOf(req: Request): string {
  const path = (req.route as { path?: unknown } | undefined)?.path
  return typeof path === 'string' ? path : 'none'
}
