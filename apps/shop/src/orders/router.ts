import { type Request, type RequestHandler, type Response, Router } from 'express'
import { z } from 'zod'
import { answer, at, HttpError, invalid, parse } from '../http.ts'
import { inUnits } from '../money.ts'
import type { BuyerSession, Claim, Orders } from './checkout.ts'
import { orderJson, pathOfOrder, type Refusal } from './orders.ts'

const MAX_KEY_LENGTH = 255

export interface OrdersRouterOptions {
  readonly orders: Orders
  /** Told of each order that was placed, once. */
  readonly placed: () => void
  /** Lets only users through. */
  readonly signedIn: RequestHandler
  readonly admin: RequestHandler
}

const listing = z.object({
  cursor: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'Must be a nextCursor')
    .transform(Number)
    .optional(),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, 'Must be a whole number from 1 to 500')
    .default('50')
    .transform(Number)
    .pipe(z.int().min(1, 'Must be from 1 to 500').max(500, 'Must be from 1 to 500'))
})

/** Which page of everybody's orders a query asks for. @throws HttpError 400 `Invalid request` */
export function orderPageOf(query: unknown): { readonly before: number | undefined; readonly limit: number } {
  const { cursor, limit } = parse(listing, query)
  return { before: cursor, limit }
}

/** Checking out and one's orders over HTTP: JSON and forms alike. */
export function ordersRouter({ orders, placed, signedIn, admin }: OrdersRouterOptions): Router {
  const router = Router()

  at(router, '/checkout', {
    post: async (req, res) => {
      const checkout = await orders.checkout(sessionOf(req), keyOf(req))
      if (checkout.outcome !== 'placed' && checkout.outcome !== 'known') throw refusal(checkout)
      if (checkout.outcome === 'placed') placed()
      // Where the order is from now on, for pages and programs alike: a guest has no other way to it.
      res.set('Content-Location', pathOfOrder(checkout.order))
      await answer(req, res, { message: 'Order placed successfully', order: orderJson(checkout.order) })
    }
  })

  at(router, '/orders', [signedIn], {
    get: async (req, res) => {
      res.json({ orders: await orders.listOf(Number(sessionOf(req).userId)) })
    }
  })

  at(router, '/orders/by-link/:link', { get: show })
  at(router, '/orders/by-link/:link/cancel', { post: cancel })
  at(router, '/orders/:orderId', [signedIn], { get: show })
  at(router, '/orders/:orderId/cancel', [signedIn], { post: cancel })

  at(router, '/admin/orders', [admin], {
    get: async (req, res) => {
      const { orders: page, nextCursor } = await orders.listAll(orderPageOf(req.query))
      res.json({
        orders: page.map((order) => ({ ...orderJson(order), userId: order.userId, username: order.username })),
        nextCursor: nextCursor === undefined ? null : String(nextCursor)
      })
    }
  })

  async function show(req: Request, res: Response): Promise<void> {
    const order = await orders.find(claimOf(req))
    if (!order) throw new HttpError(404, 'Order not found')
    res.json({ order: orderJson(order) })
  }

  async function cancel(req: Request, res: Response): Promise<void> {
    const cancelling = await orders.cancel(claimOf(req))
    if (cancelling.outcome === 'no-such-order') throw new HttpError(404, 'Order not found')
    if (cancelling.outcome === 'too-late') throw new HttpError(409, 'Order can no longer be cancelled')
    await answer(req, res, { message: 'Order cancelled', order: orderJson(cancelling.order) })
  }

  return router
}

function refusal(refused: Refusal): HttpError {
  switch (refused.outcome) {
    case 'empty':
      return new HttpError(400, 'Cart is empty')
    case 'key-used':
      return new HttpError(422, 'Idempotency key already used')
    case 'price-changed':
      return new HttpError(409, 'Price changed', {
        details: refused.prices.map(({ productId, priceCents }) => ({ productId, price: inUnits(priceCents), priceCents }))
      })
    case 'insufficient-stock':
      return new HttpError(409, 'Insufficient stock', { details: refused.shortfalls.map((shortfall) => ({ ...shortfall })) })
  }
}

/** By the address: a link, or the number of an order of the user who is signed in. */
export function claimOf(req: Request): Claim {
  const { link, orderId } = req.params
  if (typeof link === 'string') return { link: /^[\w-]{32}$/.test(link) ? link : '' }
  return { userId: Number(sessionOf(req).userId), id: /^[1-9]\d{0,9}$/.test(String(orderId)) ? Number(orderId) : 0 }
}

/** The header, or, as a form cannot send one, its field `idempotencyKey`. */
function keyOf(req: Request): string | undefined {
  const field: unknown = req.is('urlencoded') ? req.body?.idempotencyKey : undefined
  const key: unknown = req.get('Idempotency-Key') ?? field
  if (key === undefined) return undefined
  if (typeof key !== 'string' || key.length < 1 || key.length > MAX_KEY_LENGTH) {
    throw invalid({ path: 'Idempotency-Key', message: `Must have 1 to ${MAX_KEY_LENGTH} characters` })
  }
  return key
}

function sessionOf(req: Request): BuyerSession {
  return (req as Request & { session: BuyerSession }).session
}
