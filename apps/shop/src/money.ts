/** The one currency of the shop; every amount is in its hundredths. */
export const CURRENCY = 'USD'

/** An amount of whole cents as JSON carries it beside the cents: `2999` as `29.99`. For showing, never for adding up. */
export function inUnits(cents: number): number {
  return cents / 100
}

/** What a number of pieces costs, in whole cents. */
export function amountCents(lines: readonly { readonly priceCents: number; readonly quantity: number }[]): number {
  return lines.reduce((sum, line) => sum + line.priceCents * line.quantity, 0)
}
