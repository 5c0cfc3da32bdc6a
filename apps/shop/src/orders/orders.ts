import { inUnits } from '../money.ts'

/** One product that is bought, as it is called and priced at the time. */
export interface OrderLine {
  readonly productId: number
  readonly name: string
  readonly priceCents: number
  readonly quantity: number
}

/** What was bought: a snapshot that later changes of products leave as it is. */
export interface Order {
  readonly id: number
  /** The guest's cart that it was made of, `null` for a user's. */
  readonly cartId: string | null
  readonly items: readonly OrderLine[]
  readonly totalCents: number
  readonly currency: string
  readonly createdAt: number
  /** When it was cancelled, `null` for one that stands. */
  readonly cancelledAt: number | null
  /** What leads to a guest's order, `null` for a user's. */
  readonly linkToken: string | null
}

/** An order with whose it is, as administrators see it. */
export interface OrderOfSomebody extends Order {
  readonly userId: number | null
  readonly username: string | null
}

/** How long a guest's link leads to the order. */
export const LINK_LIVES_MS = 30 * 86_400_000
/** How long after ordering one may think better of it. */
export const CANCEL_WITHIN_MS = 86_400_000
/** How long a key keeps leading to its order; afterwards it is a new one. */
export const KEY_LIVES_MS = 86_400_000
/** How long it is remembered which guests' carts were used up: longer than a session lives that nobody comes back to. */
export const SETTLED_LIVES_MS = 30 * 86_400_000

/** Whether an order can still be cancelled. */
export function isCancellable({ createdAt, cancelledAt }: Order, now: number): boolean {
  return cancelledAt === null && now - createdAt < CANCEL_WITHIN_MS
}

/** Where an order is looked at: by its number for the user whose it is, by its link for a guest. */
export function pathOfOrder({ id, linkToken }: Order): string {
  return linkToken === null ? `/orders/${id}` : `/orders/by-link/${linkToken}`
}

/** An order as JSON carries it. */
export interface OrderJson {
  readonly id: number
  readonly items: readonly (OrderLine & { readonly price: number })[]
  readonly total: number
  readonly totalCents: number
  readonly currency: string
  /** ISO 8601 in UTC. */
  readonly timestamp: string
  /** There for one that was cancelled alone. */
  readonly cancelledAt?: string
}

/** A line whose product costs something else by now. */
export interface NewPrice {
  readonly productId: number
  readonly priceCents: number
}

/** A line with more pieces than there are. */
export interface Shortfall {
  readonly productId: number
  readonly requested: number
  readonly available: number
}

export type Refusal =
  | { readonly outcome: 'empty' }
  /** The key belongs to an order of other lines. */
  | { readonly outcome: 'key-used' }
  /** The cart holds the new prices now. */
  | { readonly outcome: 'price-changed'; readonly prices: readonly NewPrice[] }
  | { readonly outcome: 'insufficient-stock'; readonly shortfalls: readonly Shortfall[] }

/** `known` is an order that the same key already made. */
export type Checkout =
  | { readonly outcome: 'placed'; readonly order: Order }
  | { readonly outcome: 'known'; readonly order: Order }
  | Refusal

/** What the products of some lines cost now, and how many there are. */
export type ProductsNow = ReadonlyMap<number, { readonly priceCents: number; readonly stock: number }>

/**
 * Why lines cannot be bought as they are. A changed price is told first: it may change the mind about the rest.
 * @returns `undefined` when nothing speaks against it
 */
export function objectionTo(lines: readonly OrderLine[], products: ProductsNow): Refusal | undefined {
  const prices = lines.flatMap(({ productId, priceCents }) => {
    const now = products.get(productId)
    return now && now.priceCents !== priceCents ? [{ productId, priceCents: now.priceCents }] : []
  })
  if (prices.length > 0) return { outcome: 'price-changed', prices }
  const shortfalls = lines.flatMap(({ productId, quantity }) => {
    const available = products.get(productId)?.stock ?? 0
    return available < quantity ? [{ productId, requested: quantity, available }] : []
  })
  if (shortfalls.length > 0) return { outcome: 'insufficient-stock', shortfalls }
  return undefined
}

/** The same text for the same pieces of the same products, in whatever order, and no other. */
export function fingerprintOf(lines: readonly { readonly productId: number; readonly quantity: number }[]): string {
  return lines
    .toSorted((a, b) => a.productId - b.productId)
    .map((line) => `${line.productId}x${line.quantity}`)
    .join(' ')
}

/** @returns the order with its amounts in both forms */
export function orderJson({ id, items, totalCents, currency, createdAt, cancelledAt }: Order): OrderJson {
  return {
    id,
    items: items.map(({ productId, name, priceCents, quantity }) => ({
      productId,
      name,
      price: inUnits(priceCents),
      priceCents,
      quantity
    })),
    total: inUnits(totalCents),
    totalCents,
    currency,
    timestamp: new Date(createdAt).toISOString(),
    ...(cancelledAt !== null && { cancelledAt: new Date(cancelledAt).toISOString() })
  }
}
