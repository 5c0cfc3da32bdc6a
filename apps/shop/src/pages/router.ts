import { type Request, type RequestHandler, type Response, Router } from 'express'
import type { User } from '../accounts/accounts.ts'
import type { Device } from '../accounts/devices.ts'
import type { Overview } from '../admin/admin.ts'
import { at, type HttpError, wantsPage } from '../http.ts'
import { accountPage } from './account.ts'
import { cartPage } from './cart.ts'
import { dashboardPage } from './dashboard.ts'
import { type Form, forms } from './forms.ts'
import { homePage } from './home.ts'
import { confirmPage, loginPage, registerPage } from './login.ts'
import { ordersPage } from './orders.ts'
import type { Page, Problem } from './page.ts'
import { createRender, type Frame } from './views.ts'

/** What the pages show, from wherever it is. */
export interface PagesOptions {
  readonly catalogue: Parameters<typeof homePage>[0]['catalogue']
  readonly carts: { view(session: Request['session']): Promise<{ readonly totalItems: number }> }
  readonly orders: Parameters<typeof ordersPage>[0]['orders']
  readonly accounts: { user(id: number | string): Promise<User | undefined> }
  readonly devices: (req: Request) => Promise<Device[]>
  readonly overview: Overview
  readonly signedIn: RequestHandler
  readonly admin: RequestHandler
  /** Pages of other parts. */
  readonly more?: readonly MorePage[]
  /** Forms that stand on those. */
  readonly moreForms?: readonly Form[]
  /** What the user should know, on every page until it is answered. */
  readonly notices?: (req: Request) => Promise<readonly object[]>
}

/** A page of another part, and who may see it. */
export interface MorePage {
  readonly path: string
  readonly page: Page
  readonly guards: readonly RequestHandler[]
  /** Whether JSON is served under the same address, to whoever prefers it. */
  readonly isShared?: boolean
}

/** The shop for people: the same addresses as for programs. */
export interface Pages {
  /** Makes pages of errors, for who wants pages. In front of all that may fail. */
  readonly errors: RequestHandler
  /**
   * Shows pages, makes what forms send into the requests that the other routers know, and passes on everything else. Behind
   * the session, in front of the other routers.
   */
  readonly router: Router
}

export function createPages(options: PagesOptions): Pages {
  const { carts, accounts, signedIn, admin } = options
  const render = createRender()
  const user = async (req: Request) => (req.session?.userId === undefined ? undefined : accounts.user(req.session.userId))
  const home = homePage(options)
  const cart = cartPage(options)
  const orders = ordersPage(options)
  const account = accountPage({ user, devices: options.devices })
  const dashboard = dashboardPage(options)
  const withForms: Readonly<Record<string, Page>> = {
    '/': home,
    '/cart': cart,
    '/login': loginPage,
    '/register': registerPage,
    '/account': account,
    '/account/confirm': confirmPage,
    '/admin/dashboard/': dashboard,
    ...Object.fromEntries((options.more ?? []).map(({ path, page }) => [path, page]))
  }

  async function frameOf(req: Request): Promise<Frame> {
    if (!req.session) return NOBODY
    const [who, { totalItems }, notices] = await Promise.all([user(req), carts.view(req.session), options.notices?.(req) ?? []])
    const { flash } = req.session
    // Said once: but a page that only reads must not begin a session.
    if (flash !== undefined) delete req.session.flash
    return { user: who, cartItems: totalItems, flash, notices }
  }

  async function show(page: Page, req: Request, res: Response, problem?: Problem): Promise<void> {
    const [frame, loaded] = [await frameOf(req), await page.load(req)]
    res.type('html').send(render(page.view, { title: page.title, frame, page: loaded, problem }))
  }

  async function showError(error: HttpError, req: Request, res: Response): Promise<void> {
    // What failed may well be what the frame is made of.
    const frame = await frameOf(req).catch(() => NOBODY)
    res.type('html').send(render('error', { title: error.message, frame, error }))
  }

  async function showForm(form: Form, problem: Problem, error: HttpError, req: Request, res: Response): Promise<void> {
    const page = withForms[form.page]
    if (error.status >= 500 || error.status === 403 || !page || !req.session) return showError(error, req, res)
    await show(page, req, res, problem)
  }

  /** For addresses that are JSON as well. */
  const shared =
    (page: Page): RequestHandler =>
    async (req, res, next) => {
      res.vary('Accept')
      if (!wantsPage(req)) return next()
      await show(page, req, res)
    }
  /** For addresses that are nothing else: they are pages whatever `Accept` says. */
  const pageOnly: RequestHandler = (req, res, next) => {
    res.locals['pageOnly'] = true
    errorsAsPages(req, res)
    next()
  }
  const own =
    (page: Page): RequestHandler =>
    (req, res) =>
      show(page, req, res)

  function errorsAsPages(req: Request, res: Response): void {
    res.locals['errorPage'] = (error: HttpError) => showError(error, req, res)
  }

  const errors: RequestHandler = (req, res, next) => {
    if (wantsPage(req)) errorsAsPages(req, res)
    next()
  }
  const router = Router()
  router.use(forms(showForm, options.moreForms))
  at(router, '/', { get: shared(home) })
  at(router, '/cart', { get: shared(cart) })
  at(router, '/orders', [signedIn], { get: shared(orders) })
  at(router, '/login', { get: own(loginPage) })
  at(router, '/register', { get: own(registerPage) })
  at(router, '/account', [pageOnly, signedIn], { get: own(account) })
  at(router, '/account/confirm', [pageOnly, signedIn], { get: own(confirmPage) })
  at(router, '/admin/dashboard/', [pageOnly, admin], { get: own(dashboard) })
  for (const { path, page, guards, isShared } of options.more ?? []) {
    at(router, path, [...(isShared ? [] : [pageOnly]), ...guards], { get: isShared ? shared(page) : own(page) })
  }
  return { errors, router }
}

const NOBODY: Frame = Object.freeze({ user: undefined, cartItems: 0, flash: undefined, notices: [] })
