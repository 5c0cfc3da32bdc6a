import type { Page } from './page.ts'

interface Products {
  list(): Promise<readonly { readonly id: number; readonly name: string; readonly priceCents: number; readonly stock: number }[]>
}

/** The storefront. */
export function homePage({ catalogue }: { readonly catalogue: Products }): Page {
  return {
    view: 'home',
    title: 'Products',
    load: async (req) => ({ products: await catalogue.list(), signedOut: 'signed-out' in req.query && req.session.userId === undefined })
  }
}
