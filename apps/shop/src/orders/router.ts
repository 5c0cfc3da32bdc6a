import { type Request, type RequestHandler, Router } from 'express'
import { answer, at, HttpError, invalid } from '../http.ts'
import { inUnits } from '../money.ts'
import type { BuyerSession, Orders } from './checkout.ts'
import { orderJson, type Refusal } from './orders.ts'

const MAX_KEY_LENGTH = 255

export interface OrdersRouterOptions {
  readonly orders: Orders
  /** Lets only users through. */
  readonly requireUser: RequestHandler
}

/** Checking out and one's orders over HTTP: JSON and forms alike. */
export function ordersRouter({ orders, requireUser }: OrdersRouterOptions): Router {
  const router = Router()

  at(router, '/checkout', {
    post: async (req, res) => {
      const checkout = await orders.checkout(sessionOf(req), keyOf(req))
      if (checkout.outcome !== 'placed' && checkout.outcome !== 'known') throw refusal(checkout)
      await answer(req, res, { message: 'Order placed successfully', order: orderJson(checkout.order) })
    }
  })

  at(router, '/orders', [requireUser], {
    get: async (req, res) => {
      res.json({ orders: await orders.listOf(Number(sessionOf(req).userId)) })
    }
  })

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
