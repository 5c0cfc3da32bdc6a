import { isDeepStrictEqual } from 'node:util'
import { isSessionError } from 'sessile'
import {
  addToCart,
  type AddOutcome,
  type Capped,
  cappedBy,
  type CartLines,
  type CartSummary,
  mergeCarts,
  type ProductForSale,
  removeFromCart,
  summaryOf,
  updateCart,
  type UpdateOutcome
} from './cart.ts'
import { type CartAttributes, type CartSession, guestLines, putGuestLines, settleGuestCart } from './guest-cart.ts'
import type { CartRepository, Decision, TakenLines } from './repository.ts'

/** What carts need of the catalogue. */
export interface ProductsForSale {
  find(id: number): Promise<ProductForSale | undefined>
}

interface IdentifiedCart {
  readonly id: string
  readonly lines: CartLines
}

/**
 * The cart of whoever a session belongs to: a guest's is in the session itself, a user's in the database, the same on
 * every device. Every method may run at the same time as any other, in any process.
 */
export class Carts {
  readonly #repository: CartRepository
  readonly #catalogue: ProductsForSale

  constructor({ repository, catalogue }: { readonly repository: CartRepository; readonly catalogue: ProductsForSale }) {
    this.#repository = repository
    this.#catalogue = catalogue
  }

  /** The cart with its totals. Begins no session. */
  async view(session: CartSession): Promise<CartSummary> {
    const userId = await this.#userOf(session)
    return summaryOf(userId === undefined ? guestLines(session) : await this.#repository.linesOf(userId))
  }

  /** @param quantity a positive integer */
  async add(session: CartSession, productId: number, quantity: number): Promise<AddOutcome | { readonly outcome: 'no-such-product' }> {
    const product = await this.#catalogue.find(productId)
    if (!product) return { outcome: 'no-such-product' }
    return this.#change(session, (lines) => addToCart(lines, product, quantity))
  }

  /** @param quantity a positive integer */
  async update(session: CartSession, productId: number, quantity: number): Promise<UpdateOutcome> {
    const product = await this.#catalogue.find(productId)
    return this.#change(session, (lines) => updateCart(lines, productId, quantity, product?.stock ?? 0))
  }

  async remove(session: CartSession, productId: number): Promise<CartLines> {
    const { lines } = await this.#change(session, (lines) => ({ lines: removeFromCart(lines, productId) }))
    return lines
  }

  async clear(session: CartSession): Promise<CartLines> {
    const { lines } = await this.#change(session, () => ({ lines: [] }))
    return lines
  }

  /**
   * Moves what a guest had put into the cart to the cart of the user who signed in. Called after signing in; called again,
   * or after a crash in the middle, it moves nothing twice. Nothing happens for a guest.
   */
  async mergeGuestCart(session: CartSession): Promise<void> {
    if (session.userId === undefined) return
    const userId = Number(session.userId)
    let guest = identified(session)
    while (guest) {
      let capped: readonly Capped[] = []
      const taken = await this.#repository.merge(userId, guest, (mine, guests, stockOf) => {
        const merged = mergeCarts(mine, guests, stockOf)
        capped = cappedBy(mine, guests, merged)
        return merged
      })
      // Whatever a request of before the sign-in still added is in a cart of its own then: that is next.
      guest = await this.settle(session, guest.id, taken, capped)
    }
  }

  /** The cart in a session, as a guest has it; `undefined` when it is empty. */
  guestCart(session: CartSession): IdentifiedCart | undefined {
    return identified(session)
  }

  /**
   * Takes what was ordered or merged out of the session's cart.
   * @param capped what there was too little of, which the next page says
   * @returns the cart that the session then holds
   */
  settle(session: CartSession, cartId: string, taken: TakenLines, capped: readonly Capped[] = []): Promise<IdentifiedCart | undefined> {
    const settled = session.update((draft) => {
      if (capped.length > 0 && draft.guestCart?.id === cartId) draft.cartNotice = noticeOf(capped)
      settleGuestCart(draft, cartId, taken)
      return identified(draft)
    })
    // Ended meanwhile: there is nothing left to take them out of, and what was ordered stays ordered.
    return settled.catch((error: unknown) => {
      if (isSessionError(error) && error.code === 'gone') return undefined
      throw error
    })
  }

  /** Puts the prices of now into the cart, so that whoever checks out again accepts them. */
  async reprice(session: CartSession, prices: readonly { readonly productId: number; readonly priceCents: number }[]): Promise<void> {
    const priceOf = new Map(prices.map(({ productId, priceCents }) => [productId, priceCents]))
    await this.#change(session, (lines) => ({
      lines: lines.map((line) => ({ ...line, priceCents: priceOf.get(line.productId) ?? line.priceCents }))
    }))
  }

  async #change<T extends Decision>(session: CartSession, decide: (lines: CartLines) => T): Promise<T> {
    const userId = await this.#userOf(session)
    if (userId !== undefined) return this.#repository.change(userId, decide)
    // What changes nothing is answered from what this request loaded: an update would begin a session for it.
    const looked = decide(guestLines(session))
    if (!changes(session, looked)) return looked
    return session.update((draft) => {
      const decision = decide(guestLines(draft))
      if (decision.lines) putGuestLines(draft, decision.lines)
      return decision
    })
  }

  /** The user of a session, whose cart then has in it what the session's held; `undefined` for a guest. */
  async #userOf(session: CartSession): Promise<number | undefined> {
    await this.mergeGuestCart(session)
    return session.userId === undefined ? undefined : Number(session.userId)
  }
}

function identified(attributes: Readonly<CartAttributes>): IdentifiedCart | undefined {
  return attributes.guestCart && { id: attributes.guestCart.id, lines: guestLines(attributes) }
}

/** For people: what became of the cart that they filled before signing in. */
function noticeOf(capped: readonly Capped[]): string {
  const lines = capped.map(({ name, wanted, got }) => (got === 0 ? `${name}: none of ${wanted}` : `${name}: ${got} of ${wanted}`))
  return `Not everything from before you signed in could be kept. ${lines.join(', ')}.`
}

function changes(session: CartSession, { lines }: Decision): boolean {
  return lines !== undefined && !isDeepStrictEqual(lines, guestLines(session))
}
