import { type Checkout, fingerprintOf, type NewPrice, type OrderJson, orderJson, type OrderLine } from './orders.ts'
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

/** Orders: placing them, and looking at one's own. */
export class Orders {
  readonly #repository: OrderRepository
  readonly #carts: CartsToOrder

  constructor({ repository, carts }: { readonly repository: OrderRepository; readonly carts: CartsToOrder }) {
    this.#repository = repository
    this.#carts = carts
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
