import type { Page } from './page.ts'

interface OrdersToShow {
  listOf(userId: number): Promise<readonly object[]>
}

/** One's orders. */
export function ordersPage({ orders }: { readonly orders: OrdersToShow }): Page {
  return {
    view: 'orders',
    title: 'Orders',
    load: async (req) => ({ orders: await orders.listOf(Number(req.session.userId)) })
  }
}
