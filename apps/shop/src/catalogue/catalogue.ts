import { inUnits } from '../money.ts'

/** What the shop sells. */
export interface Product {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  /** Pieces that nobody has ordered yet; what is in carts counts as there. */
  readonly stock: number
}

/** A product as JSON carries it. */
export interface ProductJson extends Product {
  /** The price in units of the currency: 29.99. */
  readonly price: number
}

/** The products, from wherever they are kept. */
export interface Catalogue {
  /** All products, by id. */
  list(): Promise<readonly Product[]>
  /** @returns `undefined` when there is no such product; that is not an error */
  find(id: number): Promise<Product | undefined>
}

/** @returns the product with its price in both forms */
export function productJson({ id, name, priceCents, stock }: Product): ProductJson {
  return { id, name, price: inUnits(priceCents), priceCents, stock }
}
