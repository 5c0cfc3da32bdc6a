import { join } from 'node:path'
import express, { type Express, type Request } from 'express'
import helmet from 'helmet'
import { activity } from 'sessile/monitor'
import { crossSite, loginThrottle, noStore } from 'sessile/security'
import { Accounts } from './accounts/accounts.ts'
import { devicesOf } from './accounts/devices.ts'
import { devicesRouter } from './accounts/devices-router.ts'
import { createPasswords } from './accounts/passwords.ts'
import { UserRepository } from './accounts/repository.ts'
import { accountsRouter } from './accounts/router.ts'
import { Overview } from './admin/admin.ts'
import { adminRouter } from './admin/router.ts'
import { Carts } from './cart/carts.ts'
import { cartRepository } from './cart/repository.ts'
import { cartRouter } from './cart/router.ts'
import { catalogueRepository } from './catalogue/repository.ts'
import { catalogueRouter } from './catalogue/router.ts'
import type { Config } from './config.ts'
import { ping } from './database/database.ts'
import { errorHandler } from './errors.ts'
import { createGuards } from './guards.ts'
import { HttpError, notFound } from './http.ts'
import { createLog, logSessions } from './log.ts'
import { healthRouter } from './monitoring/health.ts'
import { createMetrics, metricsRouter } from './monitoring/metrics.ts'
import { monitoringRouter } from './monitoring/router.ts'
import { Orders } from './orders/checkout.ts'
import { orderRepository } from './orders/repository.ts'
import { ordersRouter } from './orders/router.ts'
import { createPages } from './pages/router.ts'
import type { Stores } from './stores.ts'
import { sweepRegularly } from './sweeping.ts'

const BODY_LIMIT = '100kb'
const CSP = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    imgSrc: ["'self'", 'data:'],
    connectSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    objectSrc: ["'none'"],
    frameAncestors: ["'none'"]
  }
}

/** The whole shop, in the order in which a request meets it. */
export async function createShop(config: Config, { db, sessions }: Stores): Promise<Shop> {
  const log = createLog(config.logLevel)
  logSessions(log, sessions)
  const seen = activity({ sessions })
  const throttle = loginThrottle({ backend: sessions.backend, secret: [...config.secrets] })
  const accounts = new Accounts(new UserRepository(db), await createPasswords())
  const guards = createGuards(config, sessions, async (userId) => (await accounts.user(userId))?.role)
  const catalogue = catalogueRepository(db)
  const carts = new Carts({ repository: cartRepository(db), catalogue })
  const orders = new Orders({ repository: orderRepository(db), carts })
  const overview = new Overview(sessions, seen)
  const devices = (req: Request) => devicesOf({ sessions, seen }, sessions.describe(req)!)
  const pages = createPages({ catalogue, carts, orders, accounts, devices, overview, ...guards })
  const metrics = createMetrics(sessions)
  const sweeping = sweepRegularly(sessions, log)
  const app = express()

  app.disable('x-powered-by')
  app.set('trust proxy', config.trustProxy)
  // Without a referrer some browsers say that a form of ours comes from nowhere (`Origin: null`), and it would be refused.
  app.use(helmet({ contentSecurityPolicy: CSP, referrerPolicy: { policy: 'same-origin' } }))
  app.use(
    metrics.measure,
    pages.errors,
    crossSite({ onRefused: (_req, _res, next) => next(new HttpError(403, 'Cross-site request refused', { code: 'cross-site' })) })
  )
  app.use(healthRouter({ sessions: () => sessions.ready(), database: () => ping(db) }))
  app.use(express.static(join(import.meta.dirname, '../public'), { index: false, redirect: false }))
  app.use(express.json({ limit: BODY_LIMIT }), express.urlencoded({ extended: false, limit: BODY_LIMIT }))
  app.use(sessions, noStore(), seen)

  app.use(pages.router)
  app.use(monitoringRouter({ sessions, seen }))
  app.use(accountsRouter({ accounts, sessions, throttle, carts, seen, secureCookies: config.production, ...guards }))
  app.use(devicesRouter({ sessions, seen, ...guards }))
  app.use(catalogueRouter({ catalogue, ...guards }))
  app.use(cartRouter({ carts }))
  app.use(ordersRouter({ orders, requireUser: guards.signedIn }))
  app.use(adminRouter({ overview, sessions, accounts, ...guards }))

  if (config.metricsPort === undefined) app.use(metricsRouter(metrics, [guards.admin]))

  app.use(
    notFound,
    errorHandler(log, (req) => sessions.describe(req)?.handle)
  )
  return {
    app,
    metrics: express().disable('x-powered-by').use(helmet(), metricsRouter(metrics), notFound, errorHandler(log)),
    async close() {
      sweeping.stop()
      await seen.close()
    }
  }
}

export interface Shop {
  readonly app: Express
  /** `/metrics` alone, open, for a port of its own. */
  readonly metrics: Express
  /** Writes what is still to be written. The stores are closed by whoever opened them. */
  close(): Promise<void>
}
