import type { Request } from 'express'
import { MAX_SEARCH, type Search, SORTS } from '../catalogue/catalogue.ts'
import { searchOf } from '../catalogue/router.ts'
import { queryOf } from './forms.ts'
import type { Page } from './page.ts'
import type { PageReader } from './reading.ts'

const NAMES: Readonly<Record<Search['sort'], string>> = {
  featured: 'Our choice',
  name: 'Name',
  price: 'Price, lowest first',
  '-price': 'Price, highest first'
}

/** The storefront: all products, or those that are looked for. */
export function homePage({ reader }: { readonly reader: PageReader }): Page {
  return {
    view: 'home',
    title: 'Products',
    async load(req: Request, visitor) {
      const search = searchOf(queryOf(req))
      return {
        ...(await reader.storefront(visitor, search)),
        search,
        maxSearch: MAX_SEARCH,
        sorts: SORTS.map((sort) => ({ sort, name: NAMES[sort] })),
        from: req.method === 'GET' ? req.originalUrl : undefined,
        signedOut: 'signed-out' in req.query && visitor.userId === undefined
      }
    }
  }
}
