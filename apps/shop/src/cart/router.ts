import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { answer, at, HttpError, invalid, parse } from '../http.ts'
import { type AddOutcome, type CartLines, MAX_LINES, MAX_QUANTITY, summaryOf, type UpdateOutcome } from './cart.ts'
import type { Carts } from './carts.ts'
import type { CartSession } from './guest-cart.ts'

const addition = z.object({ productId: z.int(), quantity: z.number().default(1) })
const update = z.object({ quantity: z.number() })

/**
 * The cart over HTTP: JSON and forms alike.
 * @param begun told when something was put into an empty cart
 */
export function cartRouter({ carts, begun }: { readonly carts: Carts; readonly begun: () => void }): Router {
  const router = Router()

  at(router, '/cart', {
    get: async (req, res) => {
      res.json({ cart: await carts.view(sessionOf(req)) })
    },
    delete: async (req, res) => {
      await show(req, res, 'Cart cleared', await carts.clear(sessionOf(req)))
    }
  })

  at(router, '/cart/add', {
    post: async (req, res) => {
      const { productId, quantity } = parse(addition, fieldsOf(req))
      checkQuantity(quantity)
      const added = await carts.add(sessionOf(req), productId, quantity)
      if (added.outcome !== 'added') throw refusal(added)
      if (added.lines.length === 1 && added.lines[0]!.quantity === quantity) begun()
      await show(req, res, 'Item added to cart', added.lines)
    }
  })

  at(router, '/cart/update/:productId', {
    put: async (req, res) => {
      const { quantity } = parse(update, fieldsOf(req))
      checkQuantity(quantity)
      const updated = await carts.update(sessionOf(req), productIdOf(req), quantity)
      if (updated.outcome !== 'updated') throw refusal(updated)
      await show(req, res, 'Cart updated', updated.lines)
    }
  })

  at(router, '/cart/remove/:productId', {
    delete: async (req, res) => {
      await show(req, res, 'Item removed from cart', await carts.remove(sessionOf(req), productIdOf(req)))
    }
  })

  return router
}

function show(req: Request, res: Response, message: string, lines: CartLines): Promise<void> {
  return answer(req, res, { message, cart: summaryOf(lines) })
}

type Refused = Exclude<AddOutcome | UpdateOutcome | { readonly outcome: 'no-such-product' }, { readonly lines: CartLines }>

function refusal(refused: Refused): HttpError {
  switch (refused.outcome) {
    case 'no-such-product':
      return new HttpError(404, 'Product not found')
    case 'not-in-cart':
      return new HttpError(404, 'Item not found in cart')
    case 'insufficient-stock':
      return new HttpError(400, 'Insufficient stock', { details: [{ path: 'quantity', message: `${refused.available} available` }] })
    case 'too-many-pieces':
      return invalid({ path: 'quantity', message: `At most ${MAX_QUANTITY} of one product` })
    case 'too-many-lines':
      return invalid({ path: 'productId', message: `At most ${MAX_LINES} products in one cart` })
  }
}

function checkQuantity(quantity: number): void {
  if (quantity <= 0) {
    throw new HttpError(400, 'Quantity must be positive', { details: [{ path: 'quantity', message: 'Quantity must be positive' }] })
  }
  if (!Number.isInteger(quantity)) throw invalid({ path: 'quantity', message: 'Must be a whole number' })
  if (quantity > MAX_QUANTITY) throw invalid({ path: 'quantity', message: `At most ${MAX_QUANTITY}` })
}

/** The fields of a body. A form has text only: what reads as a whole number is one. */
function fieldsOf(req: Request): unknown {
  if (!req.is('urlencoded')) return req.body
  return Object.fromEntries(
    Object.entries(req.body as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof value === 'string' && /^ *-?\d{1,16} *$/.test(value) ? Number(value) : value
    ])
  )
}

/** A product that cannot be is one that is not in the cart: 0. */
function productIdOf(req: Request): number {
  const text = String(req.params['productId'])
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0
}

function sessionOf(req: Request): CartSession {
  return (req as Request & { session: CartSession }).session
}
