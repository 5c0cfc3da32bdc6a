import { type Request, type RequestHandler, type Response, Router } from 'express'
import type { User } from '../accounts/accounts.ts'
import type { Device } from '../accounts/devices.ts'
import type { CartLines } from '../cart/cart.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { at, type HttpError, wantsPage } from '../http.ts'
import type { Sessions } from '../sessions.ts'
import { accountPage } from './account.ts'
import { cartPage } from './cart.ts'
import { forms } from './forms.ts'
import { homePage } from './home.ts'
import { confirmPage, loginPage, registerPage } from './login.ts'
import { allOrdersPage, orderPage, ordersPage, type OrdersToShow } from './orders.ts'
import type { Page, Problem } from './page.ts'
import type { PeoplePages } from './people.ts'
import { productPage } from './product.ts'
import { type PageReader, piecesOf, revisionOf, type Standing, type Visitor } from './reading.ts'
import { stockPage } from './stock.ts'
import { createRender, type Frame, type SessionEnd } from './views.ts'

/** What the pages show, from wherever it is. */
export interface PagesOptions {
  readonly reader: PageReader
  readonly catalogue: Pick<Catalogue, 'list'>
  readonly carts: {
    /** Moves a guest's cart to that of the user who signed in, where that is still to be done. */
    mergeGuestCart(session: Request['session']): Promise<void>
    guestCart(session: Request['session']): { readonly lines: CartLines } | undefined
  }
  readonly orders: OrdersToShow
  readonly accounts: { user(id: number | string): Promise<User | undefined> }
  readonly sessions: Pick<Sessions, 'describe'>
  readonly devices: (req: Request) => Promise<Device[]>
  readonly signedIn: RequestHandler
  readonly admin: RequestHandler
  /** Pages of accounts and administration, see `people.ts`. */
  readonly people: PeoplePages
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

/** A page that fetches itself again because another window changed something leaves what is said once to that one. */
const REFRESH = 'shop-refresh'

export function createPages(options: PagesOptions): Pages {
  const { reader, carts, accounts, sessions, signedIn, admin, people } = options
  const render = createRender()
  const user = async (req: Request) => (req.session?.userId === undefined ? undefined : accounts.user(req.session.userId))
  const pages = {
    '/': homePage(options),
    '/products/:productId': productPage(options),
    '/cart': cartPage(options),
    '/login': loginPage,
    '/register': registerPage,
    '/account': accountPage({ user, devices: options.devices }),
    '/account/confirm': confirmPage,
    '/admin/products': stockPage(options)
  } as const satisfies Record<string, Page>
  const withForms: Readonly<Record<string, Page>> = {
    ...pages,
    ...Object.fromEntries(people.pages.map(({ path, page }) => [path, page]))
  }

  async function visitorOf(req: Request): Promise<Visitor> {
    if (!req.session) return GUEST
    await carts.mergeGuestCart(req.session)
    const { userId } = req.session
    if (userId !== undefined) return { userId: Number(userId), guestLines: [] }
    return { userId: undefined, guestLines: carts.guestCart(req.session)?.lines ?? [] }
  }

  function frameOf(req: Request, { user: who, lines }: Standing, notices: Frame['notices'] = []): Frame {
    const said: string[] = []
    for (const name of ['flash', 'cartNotice'] as const) {
      const text = req.session?.[name]
      // Said once: but a page that only reads must not begin a session.
      if (text === undefined || req.get(REFRESH) !== undefined) continue
      said.push(text)
      delete req.session[name]
    }
    const held = new Map(lines.map(({ productId, quantity }) => [productId, quantity]))
    const session = req.session && sessions.describe(req)
    const end = who && session && endOf(session)
    return { user: who, cartItems: piecesOf(lines), revision: revisionOf(lines), held, said, live: session !== undefined, end, notices }
  }

  async function show(page: Page, req: Request, res: Response, problem?: Problem): Promise<void> {
    const visitor = await visitorOf(req)
    const loaded = await page.load(req, visitor, problem)
    const standing = loaded.standing ?? (await reader.standing(visitor))
    const notices = standing.newDevices > 0 ? await people.notices(req) : []
    const frame = frameOf(req, standing, notices)
    const title = typeof page.title === 'string' ? page.title : page.title(loaded as never)
    res.type('html').send(render(page.view, { title, frame, page: loaded, problem, path: req.path }))
  }

  async function showError(error: HttpError, req: Request, res: Response): Promise<void> {
    // What failed may well be what the frame is made of.
    const standing = await visitorOf(req)
      .then((visitor) => reader.standing(visitor))
      .catch(() => NOBODY)
    res.type('html').send(render('error', { title: error.message, frame: frameOf(req, standing), error, path: req.path }))
  }

  async function showForm(path: string, problem: Problem, error: HttpError, req: Request, res: Response): Promise<void> {
    const page = withForms[path]
    if (error.status >= 500 || error.status === 403 || !page || !req.session) return showError(error, req, res)
    // The page itself may be what is not there: that of a product, say.
    await show(page, req, res, problem).catch(() => showError(error, req, res))
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
    // What programs send to the same address, to have something changed, is answered like anything else of theirs.
    if ((req.method === 'POST' || req.method === 'DELETE') && !wantsPage(req)) return next()
    res.locals['pageOnly'] = true
    // A form's errors are shown on the form.
    if (res.locals['form'] === undefined) errorsAsPages(req, res)
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
  async function revision(req: Request): Promise<{ revision: string; isEmpty: boolean }> {
    const { lines } = await reader.standing(await visitorOf(req))
    return { revision: revisionOf(lines), isEmpty: lines.length === 0 }
  }

  const router = Router()
  router.use(forms({ show: showForm, revision, more: people.forms }))
  at(router, '/', { get: shared(pages['/']) })
  at(router, '/products/:productId', { get: shared(pages['/products/:productId']) })
  at(router, '/cart', { get: shared(pages['/cart']) })
  at(router, '/orders', [signedIn], { get: shared(ordersPage(options)) })
  at(router, '/orders/by-link/:link', { get: shared(orderPage(options)) })
  at(router, '/orders/:orderId', [signedIn], { get: shared(orderPage(options)) })
  at(router, '/login', { get: own(loginPage) })
  at(router, '/register', { get: own(registerPage) })
  at(router, '/account', [pageOnly, signedIn], { get: own(pages['/account']) })
  at(router, '/account/confirm', [pageOnly, signedIn], { get: own(confirmPage) })
  // a page of its own, which comes with the sessions; what is refused there is refused on a page of ours
  router.get('/admin/dashboard', pageOnly)
  at(router, '/admin/products', [pageOnly, admin], { get: own(pages['/admin/products']) })
  at(router, '/admin/orders', [admin], { get: shared(allOrdersPage(options)) })
  for (const { path, page, guards, isShared } of people.pages) {
    at(router, path, [...(isShared ? [] : [pageOnly]), ...guards], { get: isShared ? shared(page) : own(page) })
  }
  return { errors, router }
}

function endOf({ idleExpiresAt, absoluteExpiresAt = Infinity }: ReturnType<PagesOptions['sessions']['describe']> & object): SessionEnd {
  return { inMs: Math.max(0, Math.min(idleExpiresAt, absoluteExpiresAt) - Date.now()), isFinal: absoluteExpiresAt <= idleExpiresAt }
}

const GUEST: Visitor = Object.freeze({ userId: undefined, guestLines: [] })
const NOBODY: Standing = Object.freeze({ user: undefined, lines: [], newDevices: 0 })
