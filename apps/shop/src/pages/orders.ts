import type { Request } from 'express'
import { HttpError } from '../http.ts'
import type { Claim } from '../orders/checkout.ts'
import { CANCEL_WITHIN_MS, LINK_LIVES_MS, type Order, orderJson, type OrderOfSomebody, pathOfOrder } from '../orders/orders.ts'
import { claimOf, orderPageOf } from '../orders/router.ts'
import type { Page } from './page.ts'

/** The orders, as much of them as pages need. */
export interface OrdersToShow {
  listOf(userId: number): Promise<readonly object[]>
  find(claim: Claim): Promise<Order | undefined>
  isCancellable(order: Order): boolean
  listAll(page: {
    before: number | undefined
    limit: number
  }): Promise<{ orders: readonly OrderOfSomebody[]; nextCursor: number | undefined }>
}

/** One's orders. */
export function ordersPage({ orders }: { readonly orders: OrdersToShow }): Page {
  return {
    view: 'orders',
    title: 'Orders',
    load: async (req) => ({ orders: await orders.listOf(Number(req.session.userId)) })
  }
}

/** One order: a user's own, or the one that a guest's link leads to. */
export function orderPage({ orders }: { readonly orders: OrdersToShow }): Page {
  return {
    view: 'order',
    title: ({ order }: { order: { id: number } }) => `Order ${order.id}`,
    async load(req: Request) {
      const order = await orders.find(claimOf(req))
      if (!order) throw new HttpError(404, 'Order not found')
      return {
        order: orderJson(order),
        path: pathOfOrder(order),
        cancelUntil: orders.isCancellable(order) ? order.createdAt + CANCEL_WITHIN_MS : undefined,
        linkUntil: order.linkToken === null ? undefined : order.createdAt + LINK_LIVES_MS
      }
    }
  }
}

/** Everybody's orders, for administrators. */
export function allOrdersPage({ orders }: { readonly orders: OrdersToShow }): Page {
  return {
    view: 'admin-orders',
    title: 'All orders',
    load: async (req) => orders.listAll(orderPageOf(req.query))
  }
}
