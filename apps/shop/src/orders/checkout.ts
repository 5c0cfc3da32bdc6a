import {
  type Checkout,
  fingerprintOf,
  isCancellable,
  LINK_LIVES_MS,
  type NewPrice,
  type Order,
  type OrderJson,
  orderJson,
  type OrderLine,
  type OrderOfSomebody
} from './orders.ts'
import type { OrderRepository } from './repository.ts'

/** How often a guest's checkout begins anew because another one got there first: each time the cart is another one. */
const MAX_ROUNDS = 50

/** A session, as much of it as checking out needs. */
export interface BuyerSession {
  readonly userId?: string | number | undefined
  readonly buyer?: string
}

interface GuestCart {
  readonly id: string
  readonly lines: readonly OrderLine[]
}

/** What checking out needs of the carts. */
export interface CartsToOrder {
  mergeGuestCart(session: BuyerSession): Promise<void>
  /** `undefined` when it is empty. */
  guestCart(session: BuyerSession): GuestCart | undefined
  /** Takes lines out of the session's cart if it still is that one; answers with the cart that the session then holds. */
  settle(session: BuyerSession, cartId: string, taken: readonly TakenLine[]): Promise<GuestCart | undefined>
  reprice(session: BuyerSession, prices: readonly NewPrice[]): Promise<void>
}

interface TakenLine {
  readonly productId: number
  readonly quantity: number
}

/** Whose order is meant: the user's of that number, or the one that a link leads to. */
export type Claim = { readonly userId: number; readonly id: number } | { readonly link: string }

export type Cancelling =
  | { readonly outcome: 'cancelled'; readonly order: Order }
  /** There is none that this claim leads to. */
  | { readonly outcome: 'no-such-order' }
  | { readonly outcome: 'too-late' }

export interface OrdersOptions {
  readonly repository: OrderRepository
  readonly carts: CartsToOrder
  /** Epoch ms. */
  readonly now?: () => number
}

/** Orders: placing them, looking at one's own, cancelling them. */
export class Orders {
  readonly #repository: OrderRepository
  readonly #carts: CartsToOrder
  readonly #now: () => number

  constructor({ repository, carts, now = () => Date.now() }: OrdersOptions) {
    this.#repository = repository
    this.#carts = carts
    this.#now = now
  }

  /** An order for whoever may see it; somebody else's is as if it were not there. */
  async find(claim: Claim): Promise<Order | undefined> {
    if ('link' in claim) {
      const order = await this.#repository.findByLink(claim.link)
      return order && this.#now() - order.createdAt < LINK_LIVES_MS ? order : undefined
    }
    const order = await this.#repository.find(claim.id)
    return order?.userId === claim.userId ? order : undefined
  }

  /** Cancels an order and gives its pieces back. Once: cancelled again, it is the same cancelled order. */
  async cancel(claim: Claim): Promise<Cancelling> {
    const order = await this.find(claim)
    if (!order) return { outcome: 'no-such-order' }
    if (order.cancelledAt === null) {
      if (!isCancellable(order, this.#now())) return { outcome: 'too-late' }
      await this.#repository.cancel(order.id)
    }
    return { outcome: 'cancelled', order: (await this.#repository.find(order.id)) ?? order }
  }

  /** Whether the order could still be cancelled. */
  isCancellable(order: Order): boolean {
    return isCancellable(order, this.#now())
  }

  /**
   * Everybody's orders, newest first.
   * @param before the number of the last one of the page before
   */
  async listAll({ before, limit }: { readonly before?: number | undefined; readonly limit: number }): Promise<{
    readonly orders: readonly OrderOfSomebody[]
    readonly nextCursor: number | undefined
  }> {
    const orders = await this.#repository.listAll({ before, limit: limit + 1 })
    const page = orders.slice(0, limit)
    return { orders: page, nextCursor: orders.length > limit ? page.at(-1)!.id : undefined }
  }

  /** A user's orders, newest first. */
  async listOf(userId: number): Promise<readonly OrderJson[]> {
    const orders = await this.#repository.listOf(userId)
    return orders.map(orderJson)
  }

  /**
   * Orders what is in the cart, all or nothing, and once: any number of times at once, and again after a crash.
   * @param key names this checkout of this buyer; without one, a cart is ordered once by being empty afterwards
   */
  async checkout(session: BuyerSession, key?: string): Promise<Checkout> {
    await this.#carts.mergeGuestCart(session)
    const checkout =
      session.userId === undefined
        ? await this.#ofGuest(session, key)
        : await this.#repository.placeForUser({ userId: Number(session.userId), owners: ownersOf(session), key })
    if (checkout.outcome === 'price-changed') await this.#carts.reprice(session, checkout.prices)
    return checkout
  }

  /**
   * A guest's cart is in the session, which the order's transaction does not reach. So the order settles the cart's id,
   * and its lines are taken out of the session afterwards: here, or by whoever comes across a settled cart later.
   */
  async #ofGuest(session: BuyerSession, key: string | undefined): Promise<Checkout> {
    const owners = ownersOf(session)
    let cart = this.#carts.guestCart(session)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const known = key === undefined ? undefined : await this.#repository.findByKey(owners, key)
      if (known) {
        if (cart && cart.id === known.cartId) cart = await this.#carts.settle(session, cart.id, known.items)
        return !cart || fingerprintOf(cart.lines) === fingerprintOf(known.items)
          ? { outcome: 'known', order: known }
          : { outcome: 'key-used' }
      }
      if (!cart) return { outcome: 'empty' }
      const placed = await this.#repository.placeForGuest({ cart, owners, key })
      if (placed.outcome === 'placed') await this.#carts.settle(session, cart.id, placed.order.items)
      if (placed.outcome === 'settled') cart = await this.#carts.settle(session, cart.id, placed.taken)
      else if (placed.outcome !== 'key-taken') return placed
    }
    throw new Error(`A cart was still ordered by others after ${MAX_ROUNDS} rounds.`)
  }
}

/**
 * Whose keys a session may use: the user's, and those of the guest that the same session was before signing in, so that a
 * retry after signing in finds its order. The first is the one that new keys are written under.
 */
function ownersOf({ userId, buyer }: BuyerSession): readonly string[] {
  return [...(userId === undefined ? [] : [`user:${userId}`]), ...(buyer === undefined ? [] : [`guest:${buyer}`])]
}
