import type { CartAttributes, CartSession } from '../../src/cart/guest-cart.ts'

/** What a store holds of one session. */
export interface StoredSession extends CartAttributes {
  userId?: number
}

/**
 * A session as one request holds it: loaded once, and changed only through `update`, which works on what is stored by
 * then. Two of them over one `stored` are two requests at once. The sessions themselves are tested over HTTP.
 */
export class SessionStandIn implements CartSession {
  readonly #stored: StoredSession
  #loaded: StoredSession
  /** How often something was written. */
  writes = 0

  constructor(stored: StoredSession) {
    this.#stored = stored
    this.#loaded = structuredClone(stored)
  }

  get userId(): number | undefined {
    return this.#loaded.userId
  }
  get guestCart() {
    return this.#loaded.guestCart!
  }
  get buyer() {
    return this.#loaded.buyer!
  }

  async update<T>(change: (draft: CartAttributes) => T): Promise<T> {
    const draft = structuredClone(this.#stored)
    const answer = change(draft)
    if (JSON.stringify(draft) !== JSON.stringify(this.#stored)) this.writes++
    for (const name of Object.keys(this.#stored) as (keyof StoredSession)[]) delete this.#stored[name]
    Object.assign(this.#stored, structuredClone(draft))
    this.#loaded = draft
    return answer
  }
}
