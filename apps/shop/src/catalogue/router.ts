import { type Request, type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { answer, at, HttpError, invalid, parse } from '../http.ts'
import { type Catalogue, MAX_SEARCH, productJson, type Search, SORTS } from './catalogue.ts'

const search = z.object({
  q: z
    .string()
    .max(MAX_SEARCH, `Must be at most ${MAX_SEARCH} characters long`)
    .regex(/^[^\0]*$/, 'Must be text')
    .default('')
    .transform((text) => text.trim()),
  // A form sends an empty one where nothing is chosen.
  sort: z.preprocess((value) => (value === '' ? undefined : value), z.enum(SORTS, `Must be one of ${SORTS.join(', ')}`).default('featured'))
})

/** What a query asks for. @throws HttpError 400 `Invalid request` */
export function searchOf(query: unknown): Search {
  return parse(search, query)
}

/** The largest amount and number that the columns hold. */
const MAX = 2 ** 31 - 1
const WHOLE = /^\d{1,10}$/
const AMOUNT = 'Must be an amount like 29.99'
const NUMBER = 'Must be a whole number, 0 or more'
const price = z.union([z.number(), z.string().regex(/^ *\d{1,8}([.,]\d{1,2})? *$/, AMOUNT)], AMOUNT)
const count = z.union([z.number(), z.string().regex(/^ *\d{1,10} *$/, NUMBER)], NUMBER)
const change = z.object({
  price: price
    .transform((amount) => Math.round(Number(String(amount).replace(',', '.')) * 100))
    .pipe(z.int().min(1, 'Must be at least 0.01').max(MAX, 'Is too much'))
    .optional(),
  stock: count.transform(Number).pipe(z.int(NUMBER).min(0, 'Must be 0 or more').max(MAX, 'Is too much')).optional(),
  stockSeen: count.transform(Number).pipe(z.int('Must be a whole number').min(0, 'Must be 0 or more').max(MAX, 'Is too much')).optional()
})

export interface CatalogueRouterOptions {
  readonly catalogue: Catalogue
  readonly admin: RequestHandler
  readonly fresh: RequestHandler
}

/** The products over HTTP. Looking at them reads no session, so whoever only looks gets none. */
export function catalogueRouter({ catalogue, admin, fresh }: CatalogueRouterOptions): Router {
  const router = Router()

  at(router, '/products', {
    get: async (req, res) => {
      const products = await catalogue.list(searchOf(req.query))
      res.json({ products: products.map(productJson) })
    }
  })

  at(router, '/products/:productId', {
    get: async (req, res) => {
      const product = await catalogue.find(productIdOf(req))
      if (!product) throw new HttpError(404, 'Product not found')
      res.json({ product: { ...productJson(product), description: product.description } })
    }
  })

  at(router, '/admin/products/:productId', [admin], {
    put: [
      fresh,
      async (req, res) => {
        const { price: priceCents, stock, stockSeen } = parse(change, req.body)
        if (priceCents === undefined && stock === undefined) throw invalid({ path: 'price', message: 'Give a price or a stock' })
        const changed = await catalogue.change(productIdOf(req), { priceCents, stock, stockSeen })
        if (changed.outcome === 'no-such-product') throw new HttpError(404, 'Product not found')
        if (changed.outcome === 'insufficient-stock') {
          throw new HttpError(409, 'Insufficient stock', {
            details: [{ path: 'stock', message: `Only ${changed.available} are left by now` }]
          })
        }
        await answer(req, res, { message: 'Product changed', product: productJson(changed.product) })
      }
    ]
  })

  return router
}

/** A product that cannot be is none: 0. */
export function productIdOf(req: Request): number {
  const text = String(req.params['productId'])
  return WHOLE.test(text) ? Number(text) : 0
}
