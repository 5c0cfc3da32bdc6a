import type { Request } from 'express'
import { HttpError } from '../http.ts'
import type { Page } from './page.ts'
import type { PageReader, ShownProduct } from './reading.ts'

/** One product, with all that there is to tell of it. */
export function productPage({ reader }: { readonly reader: PageReader }): Page {
  return {
    view: 'product',
    title: ({ product }: { product: ShownProduct }) => product.name,
    async load(req: Request, visitor) {
      const { standing, product } = await reader.product(visitor, productIdOf(req))
      if (!product) throw new HttpError(404, 'Product not found')
      return { standing, product }
    }
  }
}

/** By the address, or, when the form on the page is shown again, by what the form says. */
function productIdOf(req: Request): number {
  const text = String(req.params['productId'] ?? (req.body as { productId?: unknown } | undefined)?.productId)
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 0
}
