import { amountCents, CURRENCY, inUnits } from '../money.ts'

/** The most pieces that one line holds: with the lines of a full cart the cents still add up exactly. */
export const MAX_QUANTITY = 1_000_000
/** The most lines that a cart holds: a guest's cart is in the session, which has to stay small. */
export const MAX_LINES = 200

/** One product in a cart. */
export interface CartLine {
  readonly productId: number
  readonly name: string
  /** The price that the customer saw when adding; checking out compares it. */
  readonly priceCents: number
  readonly quantity: number
}

/** A cart: its lines in the order of adding, each product once. */
export type CartLines = readonly CartLine[]

/** What the cart has to know of a product. */
export interface ProductForSale {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  readonly stock: number
}

export type AddOutcome =
  | { readonly outcome: 'added'; readonly lines: CartLines }
  /** `available` is how many more could be added. */
  | { readonly outcome: 'insufficient-stock'; readonly available: number }
  | { readonly outcome: 'too-many-lines' | 'too-many-pieces' }

export type UpdateOutcome =
  | { readonly outcome: 'updated'; readonly lines: CartLines }
  | { readonly outcome: 'insufficient-stock'; readonly available: number }
  | { readonly outcome: 'not-in-cart' }

/** A cart as JSON and the pages show it. */
export interface CartSummary {
  readonly items: readonly (CartLine & { readonly price: number })[]
  /** Pieces, not lines. */
  readonly totalItems: number
  readonly totalPrice: number
  readonly totalPriceCents: number
  readonly currency: string
}

/**
 * Adds pieces of a product. The stock has to cover what the cart holds already as well. A line that is there keeps the
 * price it was added at, so that a price which rose in between is shown before it is paid.
 * @param quantity a positive integer
 */
export function addToCart(lines: CartLines, product: ProductForSale, quantity: number): AddOutcome {
  const held = lineOf(lines, product.id)?.quantity ?? 0
  if (held + quantity > product.stock) return { outcome: 'insufficient-stock', available: Math.max(0, product.stock - held) }
  if (held + quantity > MAX_QUANTITY) return { outcome: 'too-many-pieces' }
  if (held > 0) return { outcome: 'added', lines: withQuantity(lines, product.id, held + quantity) }
  if (lines.length >= MAX_LINES) return { outcome: 'too-many-lines' }
  const { id: productId, name, priceCents } = product
  return { outcome: 'added', lines: [...lines, { productId, name, priceCents, quantity }] }
}

/**
 * Sets how many pieces a line has.
 * @param quantity a positive integer up to `MAX_QUANTITY`
 * @param stock how many there are to sell, 0 for a product that is no longer sold
 */
export function updateCart(lines: CartLines, productId: number, quantity: number, stock: number): UpdateOutcome {
  if (!lineOf(lines, productId)) return { outcome: 'not-in-cart' }
  if (quantity > stock) return { outcome: 'insufficient-stock', available: stock }
  return { outcome: 'updated', lines: withQuantity(lines, productId, quantity) }
}

/** Takes a product out; that it was not there is no error. */
export function removeFromCart(lines: CartLines, productId: number): CartLines {
  return lines.filter((line) => line.productId !== productId)
}

/**
 * Adds a guest's cart to a user's: quantities added, capped at the stock. What the user held already is never made less,
 * and its price stays the one that was seen first.
 * @param stockOf how many there are to sell, 0 for a product that is no longer sold
 */
export function mergeCarts(mine: CartLines, guests: CartLines, stockOf: (productId: number) => number): CartLines {
  return guests.reduce<CartLines>((lines, guest) => {
    const held = lineOf(lines, guest.productId)?.quantity ?? 0
    const most = Math.min(stockOf(guest.productId), MAX_QUANTITY)
    const quantity = Math.max(held, Math.min(held + guest.quantity, most))
    if (quantity === held) return lines
    if (held > 0) return withQuantity(lines, guest.productId, quantity)
    return lines.length < MAX_LINES ? [...lines, { ...guest, quantity }] : lines
  }, mine)
}

/** A line of which a merge kept fewer pieces than were wanted. */
export interface Capped {
  readonly name: string
  readonly wanted: number
  readonly got: number
}

/** What a merge could not keep, because of the stock or of the limits. */
export function cappedBy(mine: CartLines, guests: CartLines, merged: CartLines): readonly Capped[] {
  return guests.flatMap(({ productId, name, quantity }) => {
    const wanted = (lineOf(mine, productId)?.quantity ?? 0) + quantity
    const got = lineOf(merged, productId)?.quantity ?? 0
    return got < wanted ? [{ name, wanted, got }] : []
  })
}

/** What is left of a cart after some of it was ordered, or went into another one. */
export function subtractLines(lines: CartLines, taken: readonly { readonly productId: number; readonly quantity: number }[]): CartLines {
  const quantities = new Map(taken.map((line) => [line.productId, line.quantity]))
  return lines.flatMap((line) => {
    const quantity = line.quantity - (quantities.get(line.productId) ?? 0)
    return quantity > 0 ? [{ ...line, quantity }] : []
  })
}

/** @returns the cart with its totals, all added up in whole cents */
export function summaryOf(lines: CartLines): CartSummary {
  const totalPriceCents = amountCents(lines)
  return {
    items: lines.map(({ productId, name, priceCents, quantity }) => ({
      productId,
      name,
      price: inUnits(priceCents),
      priceCents,
      quantity
    })),
    totalItems: lines.reduce((sum, line) => sum + line.quantity, 0),
    totalPrice: inUnits(totalPriceCents),
    totalPriceCents,
    currency: CURRENCY
  }
}

function lineOf(lines: CartLines, productId: number): CartLine | undefined {
  return lines.find((line) => line.productId === productId)
}

function withQuantity(lines: CartLines, productId: number, quantity: number): CartLines {
  return lines.map((line) => (line.productId === productId ? { ...line, quantity } : line))
}
