import { inUnits } from '../money.ts'

/** What the shop sells. */
export interface Product {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  /** Pieces that nobody has ordered yet; what is in carts counts as there. */
  readonly stock: number
}

/** A product with all that there is to tell of it. */
export interface ProductDetails extends Product {
  /** Empty where nobody wrote any. */
  readonly description: string
  /** The name of its picture, empty where it has none. */
  readonly picture: string
}

/** A product as JSON carries it. */
export interface ProductJson extends Product {
  /** The price in units of the currency: 29.99. */
  readonly price: number
}

/** In which order products are listed. `featured` is the shop's own: by id. */
export const SORTS = ['featured', 'name', 'price', '-price'] as const
export type Sort = (typeof SORTS)[number]

/** The longest text that is searched for. */
export const MAX_SEARCH = 100

/** Which products, and in which order. */
export interface Search {
  /** All of its words are in the name or the description, whatever their case; empty finds everything. */
  readonly q: string
  readonly sort: Sort
}

/** Everything, in the shop's own order. */
export const EVERYTHING: Search = Object.freeze({ q: '', sort: 'featured' })

/** What an administrator changes of a product. What is `undefined` stays. */
export interface ProductChange {
  readonly priceCents?: number | undefined
  readonly stock?: number | undefined
  /**
   * The stock that was on the screen when `stock` was typed. With it the difference is what counts, so that pieces which
   * were sold meanwhile stay sold.
   */
  readonly stockSeen?: number | undefined
}

export type ChangeOutcome =
  | { readonly outcome: 'changed'; readonly product: Product }
  | { readonly outcome: 'no-such-product' }
  /** More would be taken away than there is. */
  | { readonly outcome: 'insufficient-stock'; readonly available: number }

/** The products, from wherever they are kept. */
export interface Catalogue {
  list(search?: Search): Promise<readonly ProductDetails[]>
  /** @returns `undefined` when there is no such product; that is not an error */
  find(id: number): Promise<ProductDetails | undefined>
  /** Changes price and stock, in one statement each time. */
  change(id: number, change: ProductChange): Promise<ChangeOutcome>
}

/** The words of a search, in small letters; at most ten count. */
export function wordsOf(q: string): readonly string[] {
  return q.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 10)
}

/** @returns the product with its price in both forms */
export function productJson({ id, name, priceCents, stock }: Product): ProductJson {
  return { id, name, price: inUnits(priceCents), priceCents, stock }
}
