import express, { type Express, type Request } from 'express'
import helmet from 'helmet'
import { activity, dashboard, startSweeping } from 'sessile/monitor'
import { crossSite, loginThrottle, noStore } from 'sessile/security'
import { Accounts, countedAs } from './accounts/accounts.ts'
import { devicesOf } from './accounts/devices.ts'
import { FirstAdmin } from './accounts/first-admin.ts'
import { KnownDevices } from './accounts/known-devices.ts'
import { createPasswords } from './accounts/passwords.ts'
import { UserRepository } from './accounts/repository.ts'
import { accountsRouter } from './accounts/router.ts'
import { UserAdministration } from './accounts/user-administration.ts'
import { Overview } from './admin/admin.ts'
import { adminRouter } from './admin/router.ts'
import { usersRouter } from './admin/users-router.ts'
import { AuditLog } from './audit/audit.ts'
import { AUDIT_DEFAULTS } from './audit/options.ts'
import { AuditRepository } from './audit/repository.ts'
import { auditRouter } from './audit/router.ts'
import { touches } from './audit/touches.ts'
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
import { antiAutomation } from './limits.ts'
import { Live } from './live/live.ts'
import { liveRouter, lookAfterChanges } from './live/router.ts'
import { cartStates } from './pages/cart-states.ts'
import { createAuditWriter, createLog, watchSessions } from './log.ts'
import { healthRouter } from './monitoring/health.ts'
import { isNoDashboard, noteDashboard } from './monitoring/dashboard.ts'
import { countCarts, MARKS } from './monitoring/marks.ts'
import { createMetrics, metricsRouter } from './monitoring/metrics.ts'
import { monitoringRouter } from './monitoring/router.ts'
import { Orders } from './orders/checkout.ts'
import { orderRepository } from './orders/repository.ts'
import { ordersRouter } from './orders/router.ts'
import { peoplePages } from './pages/people.ts'
import { pageReader } from './pages/reading.ts'
import { createPages } from './pages/router.ts'
import { publicFiles } from './pages/views.ts'
import { requestContext } from './request-context.ts'
import type { Stores } from './stores.ts'
import { forgetRegularly } from './sweeping.ts'

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
  const handleOf = (req: Request) => (req.session && sessions.describe(req))?.handle
  const auditRows = new AuditRepository(db)
  const audit = new AuditLog({
    repository: auditRows,
    write: createAuditWriter(log, config.auditFile),
    addresses: config.addresses,
    handleOf,
    onTrouble: (err) => log.error({ err }, 'the audit log cannot be stored; it is kept and tried again')
  })
  const { note } = audit
  watchSessions(log, note, sessions)
  const seen = activity({ sessions, addresses: config.addresses, marks: MARKS, isPage: isNoDashboard })
  const throttle = loginThrottle({ backend: sessions.backend, secret: [...config.secrets] })
  const accounts = new Accounts(new UserRepository(db), await createPasswords())
  const knownDevices = new KnownDevices(db)
  const users = new UserAdministration(db)
  const guards = createGuards(config, sessions, async (userId) => (await accounts.user(userId))?.role)
  const catalogue = catalogueRepository(db)
  const carts = new Carts({ repository: cartRepository(db), catalogue })
  const orderRows = orderRepository(db)
  const orders = new Orders({ repository: orderRows, carts })
  const overview = new Overview(sessions, seen)
  const devices = (req: Request) => devicesOf({ sessions, seen }, sessions.describe(req)!)
  const people = peoplePages({ accounts, knownDevices, users, sessions, audit, ...guards })
  const pages = createPages({ reader: pageReader(db), catalogue, carts, sessions, orders, accounts, devices, people, ...guards })
  const metrics = createMetrics(sessions)
  const live = new Live({ sessions, states: cartStates(db) })
  const mark = countCarts({ sessions, seen, metrics })
  const board = dashboard(sessions, {
    activity: seen,
    // the guard in front of it has said so
    authorize: () => true,
    confirmPath: '/account/confirm',
    // from there the other pages for administrators are at hand
    appPath: '/admin/products',
    title: 'Sessile Shop',
    audit: noteDashboard(note)
  })
  const sweeping = startSweeping(sessions, {
    every: '1m',
    activity: seen,
    onError: (err) => log.warn({ err }, 'sessions that ran out could not be removed')
  })
  const forgetting = forgetRegularly(log, () =>
    Promise.all([auditRows.forget(config.auditDays, AUDIT_DEFAULTS.keepAtMost), knownDevices.forget(), orderRows.clean()])
  )
  const app = express()

  app.disable('x-powered-by')
  app.set('trust proxy', config.trustProxy)
  // Without a referrer some browsers say that a form of ours comes from nowhere (`Origin: null`), and it would be refused.
  app.use(helmet({ contentSecurityPolicy: CSP, referrerPolicy: { policy: 'same-origin' } }))
  app.use(
    requestContext,
    metrics.measure,
    pages.errors,
    crossSite({ onRefused: (_req, _res, next) => next(new HttpError(403, 'Cross-site request refused', { code: 'cross-site' })) })
  )
  app.use(healthRouter({ sessions: () => sessions.ready(), database: () => ping(db) }))
  app.use(publicFiles())
  app.use(express.json({ limit: BODY_LIMIT }), express.urlencoded({ extended: false, limit: BODY_LIMIT }))
  app.use(sessions, noStore(), seen, touches(note, handleOf), guards.owing, antiAutomation())

  app.use(lookAfterChanges(live), liveRouter({ live, sessions }))
  app.use(pages.router)
  app.use('/admin/dashboard', guards.admin, board)
  app.use(monitoringRouter({ sessions, seen }))
  app.use(
    accountsRouter({
      accounts,
      administration: users,
      devices: knownDevices,
      firstAdmin: new FirstAdmin(db),
      sessions,
      throttle,
      carts,
      seen,
      note,
      addresses: config.addresses,
      secureCookies: config.production,
      ...guards
    })
  )
  app.use(catalogueRouter({ catalogue, ...guards }))
  app.use(cartRouter({ carts, begun: () => mark('cart-begun') }))
  app.use(ordersRouter({ orders, placed: () => mark('ordered'), ...guards }))
  app.use(adminRouter({ overview, sessions, accounts, ...guards }))
  app.use(usersRouter({ users, sessions, note, forgive: (userId) => throttle.clear(countedAs(userId).key), ...guards }))
  app.use(auditRouter({ audit, ...guards }))

  if (config.metricsPort === undefined) app.use(metricsRouter(metrics, [guards.admin]))

  app.use(notFound, errorHandler(log, note))
  return {
    app,
    metrics: express().disable('x-powered-by').use(helmet(), metricsRouter(metrics), notFound, errorHandler(log)),
    endStreams() {
      live.close()
      board.close()
    },
    async close() {
      live.close()
      board.close()
      forgetting.stop()
      await sweeping.stop()
      await Promise.all([seen.close(), audit.flush()])
    }
  }
}

export interface Shop {
  readonly app: Express
  /** `/metrics` alone, open, for a port of its own. */
  readonly metrics: Express
  /** Ends what would go on for ever: before the server closes, which waits for all that is in flight. */
  endStreams(): void
  /** Writes what is still to be written. The stores are closed by whoever opened them. */
  close(): Promise<void>
}
