import { randomUUID } from 'node:crypto'
import { type CartLine, type CartLines, subtractLines } from './cart.ts'

/** A guest's cart as the session keeps it. */
export interface GuestCart {
  /** Names this filling of the cart: it is ordered, or added to a user's cart, once at most. */
  id: string
  /**
   * By `p` and the product's id: an object, because sessions merge objects key by key, and keys that are no integers,
   * because only those stay in the order of adding.
   */
  lines: Record<string, { name: string; priceCents: number; quantity: number }>
}

/** What the cart keeps in a session. */
export interface CartAttributes {
  guestCart?: GuestCart
  /** Who checks out, before and after signing in: it outlives carts and session ids, and owns a guest's idempotency keys. */
  buyer?: string
  /** What the next page says once of a cart that was merged. */
  cartNotice?: string
}

/** A session, as much of it as carts need. */
export interface CartSession extends Readonly<CartAttributes> {
  /** Absent for a guest. */
  readonly userId?: string | number | undefined
  /** Changes the session on fresh data until the change holds; what `change` returned last is the answer. */
  update<T>(change: (draft: CartAttributes) => T): Promise<T>
}

/** The lines of a session's cart, none where it has no cart. */
export function guestLines({ guestCart: cart }: Readonly<CartAttributes>): CartLines {
  if (!cart) return []
  return Object.entries(cart.lines).map(([key, line]): CartLine => ({ productId: Number(key.slice(1)), ...line }))
}

/** Puts lines into the session's cart. A cart without lines is none, so that the next one gets a new id. */
export function putGuestLines(draft: CartAttributes, lines: CartLines): void {
  if (lines.length === 0) {
    delete draft.guestCart
    return
  }
  draft.buyer ??= randomUUID()
  draft.guestCart = { id: draft.guestCart?.id ?? randomUUID(), lines: {} }
  for (const { productId, name, priceCents, quantity } of lines) {
    draft.guestCart.lines[`p${productId}`] = { name, priceCents, quantity }
  }
}

/**
 * Takes out of the session's cart what was ordered or merged under its id. What another request added meanwhile stays, as
 * a new cart. Nothing happens where the session has another cart by now.
 */
export function settleGuestCart(
  draft: CartAttributes,
  cartId: string,
  taken: readonly { readonly productId: number; readonly quantity: number }[]
): void {
  if (draft.guestCart?.id !== cartId) return
  const rest = subtractLines(guestLines(draft), taken)
  delete draft.guestCart
  putGuestLines(draft, rest)
}

declare module 'sessile' {
  interface SessionData extends CartAttributes {}
}
