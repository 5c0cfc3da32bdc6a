import type { Catalogue } from '../catalogue/catalogue.ts'
import type { Page } from './page.ts'

/** Prices and stock of all products, for administrators to change. */
export function stockPage({ catalogue }: { readonly catalogue: Pick<Catalogue, 'list'> }): Page {
  return {
    view: 'admin-products',
    title: 'Products and stock',
    load: async () => ({ products: await catalogue.list() })
  }
}
