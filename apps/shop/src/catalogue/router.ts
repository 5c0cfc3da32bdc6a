import { Router } from 'express'
import { type Catalogue, productJson } from './catalogue.ts'

/** `GET /products`. Reads no session, so whoever only looks gets none. */
export function catalogueRouter({ catalogue }: { readonly catalogue: Catalogue }): Router {
  const router = Router()
  router.get('/products', async (_req, res) => {
    const products = await catalogue.list()
    res.json({ products: products.map(productJson) })
  })
  return router
}
