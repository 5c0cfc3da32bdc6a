import { Router } from 'express'
import { at } from '../http.ts'
import { type Catalogue, productJson } from './catalogue.ts'

/** `GET /products`. Reads no session, so whoever only looks gets none. */
export function catalogueRouter({ catalogue }: { readonly catalogue: Catalogue }): Router {
  const router = Router()
  at(router, '/products', {
    get: async (_req, res) => {
      const products = await catalogue.list()
      res.json({ products: products.map(productJson) })
    }
  })
  return router
}
