import { randomUUID } from 'node:crypto'
import type { Request } from 'express'
import type { Page } from './page.ts'

interface CartsToShow {
  view(session: Request['session']): Promise<object>
}

/** The cart. */
export function cartPage({ carts }: { readonly carts: CartsToShow }): Page {
  return {
    view: 'cart',
    title: 'Cart',
    // The key makes a double click, or the Back button, the same order again instead of another one.
    load: async (req) => ({ cart: await carts.view(req.session), idempotencyKey: randomUUID() })
  }
}
