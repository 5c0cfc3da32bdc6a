import type { ActivityTracker } from 'sessile/monitor'
import type { Sessions } from '../sessions.ts'
import type { Metrics } from './metrics.ts'

/**
 * What becomes of carts: something was put into an empty one; a guest's session ran out with something in it (a user's cart stays);
 * an order was placed.
 */
export const MARKS = ['cart-begun', 'cart-left', 'ordered'] as const
export type Mark = (typeof MARKS)[number]

export interface CountedBy {
  readonly sessions: Pick<Sessions, 'on'>
  readonly seen: Pick<ActivityTracker, 'count'>
  readonly metrics: Pick<Metrics, 'mark'>
}

/**
 * Counts carts for the dashboard and for Prometheus. Where the store expires sessions by itself nobody knows what they held, and
 * no cart counts as left.
 * @returns what counts the others
 */
export function countCarts({ sessions, seen, metrics }: CountedBy): (mark: Mark) => void {
  const mark = (name: Mark): void => {
    seen.count(name)
    metrics.mark(name)
  }
  // an empty cart is none
  sessions.on('expired', ({ attributes }) => attributes['guestCart'] !== undefined && mark('cart-left'))
  return mark
}
